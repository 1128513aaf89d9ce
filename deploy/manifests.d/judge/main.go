// Judges the pods of manifests as the API server does in a namespace with the pod security standard "restricted", in its
// latest version: it reads manifests, prints a line for each object that makes pods, and ends with 1 unless all are allowed.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

type object struct {
	Kind     string
	Metadata metav1.ObjectMeta
	Spec     struct{ Template *corev1.PodTemplateSpec }
}

func main() {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	check(err)
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	judged, refused := 0, 0
	documents := yaml.NewYAMLOrJSONDecoder(os.Stdin, 4096)
	for {
		var object object
		err := documents.Decode(&object)
		if errors.Is(err, io.EOF) {
			break
		}
		check(err)
		template := object.Spec.Template
		if template == nil {
			continue
		}
		judged++
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec))
		verdict := "allowed"
		if !result.Allowed {
			refused++
			verdict = "refused: " + result.ForbiddenDetail()
		}
		fmt.Printf("%s %s: %s\n", object.Kind, object.Metadata.Name, verdict)
	}
	if judged == 0 || refused > 0 {
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(2)
	}
}
