// Reads files as the programs do that they are for, by the libraries of these, and ends with 1 when those refuse them:
//
//	judge compose FILE       a Compose file, by the schema and the rules of Compose; prints the project as JSON
//	judge prometheus FILE    a configuration of Prometheus, and the rules that it names
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	judges := map[string]func(string) error{"compose": compose, "prometheus": prometheus}
	if err := judges[os.Args[1]](os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func compose(file string) error {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv, cli.WithInterpolation(true), cli.WithConsistency(true))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	text, err := project.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

func prometheus(file string) error {
	configuration, err := config.LoadFile(file, false, slog.Default())
	if err != nil {
		return err
	}
	for _, rules := range configuration.RuleFiles {
		_, problems := rulefmt.ParseFile(rules, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
		if err := errors.Join(problems...); err != nil {
			return err
		}
	}
	return nil
}
