//! Documents of config servers that want more than to be settings: files of the machine, what is set on it, all of its
//! memory or time. Each is refused by name, and what applied still does.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken expectation ends a test"
)]

mod shop;
#[expect(dead_code, reason = "these tests use a part of it")]
mod stub;

use settings_spring::{LoadError, Occasion};

use crate::shop::{Case, PLANTED};
use crate::stub::{Reply, Stub};

const FILES: &str = "shop.config.remote-files";
const ENVIRONMENT: &str = "shop.config.remote-environment";

/// A case whose config server gives these members of a JSON object.
fn given(members: &str) -> (Stub, Case) {
    let stub = Stub::that_answers(Reply::Settings(members.to_owned().leak()));
    let import = format!("spring.config.import=configserver:{}\n", stub.url());
    (stub, Case::new().local(&import))
}

/// A case whose config server gives one setting.
fn setting(key: &str, value: &str) -> (Stub, Case) {
    given(&format!("{key:?}: {value:?}"))
}

/// What is said of one setting of a config server; `None` if it is taken.
fn refused(key: &str, value: &str, local: &str, environment: &[(&str, &str)]) -> Option<String> {
    let (_stub, case) = setting(key, value);
    let set = |case: Case, (name, value): &(&str, &str)| case.env(name, value);
    match environment.iter().fold(case.local(local), set).load(Occasion::Start) {
        Ok(_) => None,
        Err(error @ LoadError::Wrong(_)) => Some(error.to_string()),
        Err(missing) => panic!("{missing}"),
    }
}

#[test]
fn a_document_reads_no_file_unless_a_local_setting_names_its_folder() {
    let password = "spring.datasource.password";
    let outside = format!("is named by a config server, and in no folder that {FILES} names");
    for (key, value) in [
        (password, "file:/etc/hostname"),
        (password, "file:///etc/hostname"),
        (password, "file:application.properties"),
        (password, "file:/dev/zero"),
        (password, "file:${nothing:/etc/hostname}"),
        (password, "${nothing:file:}/etc/hostname"),
        ("spring.datasource.url", "file:/etc/hostname"),
        ("spring.datasource.username", "file:/etc/hostname"),
        ("shop.headers.x-token", "file:/etc/hostname"),
        ("shop.labels.token", "file:/etc/hostname"),
        ("shop.ca-location", "/etc/hostname"),
        ("shop.ca-location", "file:/dev/zero"),
        // A part of the value, as the service reads it.
        ("spring.datasource.url", "http://h/?ca=/etc/hostname"),
        ("spring.datasource.url", "http://h/?ca=../../etc/hostname"),
    ] {
        let said = refused(key, value, "", &[]).unwrap_or_else(|| panic!("{key}={value}"));
        assert!(said.contains(key) && said.contains(&outside), "{said}");
        assert!(said.contains("config server: stub.yml"), "{said}");
    }
    // A local text that a document ends is a text of the document, too.
    let (_stub, case) = setting("which", "../../etc/hostname");
    let said = case.local("spring.datasource.password=file:secrets/${which}\n").wrong();
    assert!(said.contains(&outside), "{said}");
}

#[test]
fn a_document_reads_the_files_of_the_folders_that_are_named_and_of_no_other() {
    let file = |name: &str, local: &str| {
        let (stub, case) = setting("spring.datasource.password", name);
        (stub, case.file("secrets/db", PLANTED).file("others/db", PLANTED).local(local))
    };
    let local = format!("{FILES}=secrets,/run/none\n");
    let (_stub, case) = file("file:secrets/db", &local);
    assert!(case.loaded().settings.password.is_some());
    for path in ["file:others/db", "file:secrets/../others/db", "file:secrets/link", "file:secrets"]
    {
        let (_stub, case) = file(path, &local);
        let link = case.folder.path().join("secrets/link");
        std::os::unix::fs::symlink("../others/db", link).unwrap();
        let said = case.wrong();
        assert!(!said.contains(PLANTED) && said.contains("the file "), "{said}");
    }
    for (url, is_taken) in [("http://h/?ca=secrets/db", true), ("http://h/?ca=others/db", false)] {
        let (_stub, case) = setting("spring.datasource.url", url);
        let case = case.file("secrets/db", PLANTED).file("others/db", PLANTED).local(&local);
        assert_eq!(case.load(Occasion::Start).is_ok(), is_taken, "{url}");
    }
    // What a local text says is local, though a document names its key.
    let (_stub, case) = file("${machine.db}", "machine.db=file:others/db\n");
    assert!(case.loaded().settings.password.is_some());
}

#[test]
fn placeholders_of_a_document_name_what_is_set_here_but_in_no_address_and_no_header() {
    let environment = [("DB_USER", "ann"), ("DB_PASSWORD", PLANTED), ("ZONE", "z1")];
    let local = "alias=${DB_PASSWORD}\nspring.application.name=shop\n";
    for (key, value) in [
        ("spring.datasource.password", "${DB_PASSWORD}"),
        ("spring.datasource.username", "${DB_USER}"),
        ("shop.labels.zone", "${ZONE}-${spring.application.name}"),
        (
            "spring.datasource.url",
            "http://h/${spring.application.name}/${server.port}/${random.int}",
        ),
        ("spring.datasource.url", "http://${NOT_SET:h}/"),
        ("spring.datasource.url", "http://${shop.machine-name}/"),
    ] {
        assert_eq!(refused(key, value, local, &environment), None, "{key}={value}");
    }
    for (key, value) in [
        ("spring.datasource.url", "http://evil/${DB_PASSWORD}"),
        ("spring.datasource.url", "http://evil/${db.password}"),
        ("spring.datasource.url", "http://evil/${db-password}"),
        ("spring.datasource.url", "http://evil/${NOT_SET:${DB_PASSWORD}}"),
        ("spring.datasource.url", "http://evil/${${NOT_SET:DB_PASSWORD}}"),
        ("spring.datasource.url", "http://evil/${alias}"),
        ("spring.datasource.url", "http://evil/${spring.config.import}"),
        ("shop.headers.x-zone", "${ZONE}"),
        ("shop.brokers", "${ZONE}:9092"),
        ("shop.labels.zone", "${DB_PASSWORD}"),
        ("shop.topic", "${alias}"),
    ] {
        let said = refused(key, value, local, &environment);
        let said = said.unwrap_or_else(|| panic!("{key}={value}"));
        assert!(
            said.contains(key) && said.contains(&format!("only where {ENVIRONMENT}=true")),
            "{said}"
        );
        assert!(!said.contains(PLANTED), "{said}");
        let allowed = format!("{local}{ENVIRONMENT}=true\n");
        let said = refused(key, value, &allowed, &environment);
        assert!(said.is_none_or(|said| !said.contains(ENVIRONMENT)), "{key}={value}");
    }
    // A key of a document in a local address.
    let address = format!("{local}spring.datasource.url=http://${{host}}/\n");
    let said = refused("host", "${ZONE}", &address, &environment).unwrap();
    assert!(said.contains("takes ${ZONE} from this machine into an address"), "{said}");
    assert_eq!(refused("host", "h", &address, &environment), None);
}

#[test]
fn a_local_setting_forbids_a_document_to_name_what_is_set_here() {
    let local = format!("{ENVIRONMENT}=false\nfrom.a.file=x\n");
    for value in ["${ZONE}", "${ZONE:z}", "${zone}", "${from.a.file}", "${json}", "${option}"] {
        let environment = [("ZONE", "z"), ("SPRING_APPLICATION_JSON", r#"{"json": "j"}"#)];
        let (_stub, case) = setting("shop.labels.zone", value);
        let case = environment
            .iter()
            .fold(case.local(&local), |case, (name, value)| case.env(name, value));
        let said = case.option("option", "o").wrong();
        assert!(said.contains(&format!("which {ENVIRONMENT}=false forbids")), "{said}");
    }
    assert_eq!(refused("shop.labels.zone", "${NOT_SET:z}", &local, &[]), None);
    let ours = format!("{local}shop.labels.zone=${{ZONE}}\n");
    assert_eq!(refused("shop.topic", "t", &ours, &[("ZONE", "z")]), None, "local texts may");
}

#[test]
fn a_document_cannot_allow_itself_anything() {
    for key in [FILES, ENVIRONMENT, "SHOP.config.remoteFiles", "shop[config].remote_environment"] {
        let (_stub, case) = given(&format!(
            r#""{key}": "true", "{FILES}[0]": "/", "spring.datasource.password": "file:/etc/hostname""#
        ));
        let said = case.wrong();
        assert!(said.contains("is named by a config server"), "{said}");
        let (_stub, case) = given(&format!(r#""{key}": "true", "{FILES}[0]": "/""#));
        let warnings = case.loaded().warnings.join("\n");
        assert!(
            warnings.contains("a config server cannot set these") && warnings.contains(key),
            "{warnings}"
        );
    }
}

/// Documents that want all of the stack, the memory or the time, and what is said of each.
fn bombs() -> Vec<(&'static str, String, &'static str)> {
    let quoted = |key: &str, value: &str| format!("{key:?}: {value:?}");
    let laughs = |leaf: &str| {
        let each = (0..40).map(|at| match at {
            39 => quoted("k39", leaf),
            at => quoted(&format!("k{at}"), &format!("${{k{0}}}${{k{0}}}", at + 1)),
        });
        each.chain([quoted("shop.topic", "${k0}")]).collect::<Vec<_>>().join(",")
    };
    let chain = (0..9_000).map(|at| quoted(&format!("k{at}"), &format!("${{k{}}}", at + 1)));
    let chain = chain.chain([quoted("shop.topic", "${k0}")]).collect::<Vec<_>>().join(",");
    let many = |prefix: &str| {
        let each = (0..4_000).map(|at| quoted(&format!("{prefix}{at}"), "${k0}${k0}"));
        each.collect::<Vec<_>>().join(",")
    };
    let deep = |times: usize| "${a:".repeat(times) + &"}".repeat(times);
    vec![
        (
            "nested",
            quoted("shop.topic", &deep(12_000)),
            "shop.topic (config server: stub.yml): has placeholders that ",
        ),
        (
            "nested names",
            quoted("shop.topic", &"${".repeat(30_000)),
            "shop.topic (config server: stub.yml): has placeholders that take too much work",
        ),
        ("chain", chain, "shop.topic (config server: stub.yml): has placeholders that are nested"),
        ("laughs", laughs("ha"), "shop.topic (config server: stub.yml): "),
        (
            "silent laughs",
            laughs(""),
            "shop.topic (config server: stub.yml): has placeholders that take too much work",
        ),
        (
            "long",
            quoted("shop.topic", &"x".repeat(4_000_000)),
            "shop.topic (config server: stub.yml): is longer than 65536 bytes",
        ),
        (
            "separators",
            quoted("shop.default-currency", &(";".to_owned() + &"=".repeat(60_000))),
            "shop.default-currency",
        ),
        ("unknown keys", many("shop.x"), "there are more wrong settings, which are not listed"),
        (
            "members",
            many("logging.level.x"),
            "logging.level.* (config server: stub.yml): has more than 1000 members",
        ),
        (
            "a long name",
            quoted(&"shop.".repeat(1_000), ""),
            "its document is not taken: a name has more than 1000 bytes",
        ),
        (
            "many values",
            format!(r#""a": [{}0]"#, "{},".repeat(60_000)),
            "its document is not taken: it has more than 50000 values",
        ),
        (
            "depth",
            format!(r#""a": {}{}"#, "[".repeat(30_000), "]".repeat(30_000)),
            "its answer is not that of a config server",
        ),
    ]
}

#[test]
fn a_document_that_wants_the_stack_the_memory_or_the_time_is_refused_by_name() {
    let (stub, case) = given("");
    let case = case.local("spring.cloud.config.retry.max-attempts=1\n");
    let first = case.loaded();
    for (name, members, expected) in bombs() {
        stub.answers(Reply::Settings(members.leak()));
        for occasion in [Occasion::Start, Occasion::Refresh { last: &first.copies }] {
            let said = case.load(occasion).unwrap_err().to_string();
            assert!(
                said.contains(expected),
                "{name}: {}",
                said.chars().take(2_000).collect::<String>()
            );
            assert!(said.len() < 400_000, "{name}: a message of {} bytes", said.len());
        }
    }
    stub.answers(Reply::Settings(r#""shop.topic": "good""#));
    assert_eq!(case.loaded().settings.topic, "good");
}

#[test]
fn names_that_mean_nothing_are_counted_and_not_all_listed() {
    let many: Vec<_> = (0..12_000).map(|at| format!(r#""spring.x{at}": "${{y{at}:}}""#)).collect();
    let (_stub, case) = given(&many.join(","));
    let warnings = case.loaded().warnings.join("\n");
    assert!(warnings.contains(" and 11950 more"), "{} bytes", warnings.len());
    assert!(warnings.len() < 20_000);
}

#[test]
fn files_of_this_machine_are_bounded_too() {
    let case = Case::new().option("spring.datasource.password", "file:/dev/zero");
    assert!(case.wrong().contains("the file /dev/zero cannot be read: it is no regular file"));
    let case = Case::new().local(&format!("shop.labels.x={}\n", "x".repeat(1_100_000)));
    assert!(
        case.wrong()
            .contains("application.properties: cannot be read: it has more than 1048576 bytes")
    );
    let case = Case::new();
    let pipe = case.folder.path().join("application.yml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert!(case.wrong().contains("application.yml: cannot be read: it is no regular file"));
    let chain = (0..100).fold(Case::new(), |case, at| {
        case.file(
            &format!("f{at}.properties"),
            &format!("spring.config.import=f{}.properties\n", at + 1),
        )
    });
    let said = chain.option("spring.config.import", "file:f0.properties").wrong();
    assert!(said.contains("imports import one another too deeply"), "{said}");
}
