//! What `spring.config.import` brings from this machine: files, folders, config trees and variables;
//! and where files are looked for.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken expectation ends a test")]

mod shop;

use std::fs;
use std::os::unix::fs::symlink;

use secrecy::ExposeSecret as _;

use crate::shop::{Case, PLANTED, effective};

fn importing(import: &str) -> Case {
    Case::new().local(&format!("spring.config.import={import}\n"))
}

/// The topic and the port, which tests set to tell where they come from.
fn told(case: &Case) -> (String, u16) {
    let settings = case.loaded().settings;
    (settings.topic, settings.port)
}

#[test]
fn an_imported_file_ranks_just_above_the_document_that_names_it() {
    let case = Case::new()
        .file(
            "application.yml",
            "spring.config.import: file:./more.properties\nserver.port: 1\nshop.topic: one\n\
             shop.max-in-flight: 1\n---\nshop.max-in-flight: 2\n",
        )
        .file("more.properties", "server.port=7\nshop.max-in-flight=7\nshop.topic=more\n");
    let loaded = case.loaded();
    assert_eq!((loaded.settings.port, loaded.settings.max_in_flight), (7, 2));
    assert_eq!(effective(&loaded, "shop.topic").origin.to_string(), "more.properties:3");
    let imports = effective(&loaded, "spring.config.import");
    assert_eq!(
        (imports.value.as_str(), &*imports.origin.to_string()),
        ("file:./more.properties", "application.yml:1")
    );
    let case = case.file("application-default.yml", "shop.topic: of-profile\n");
    assert_eq!(told(&case), ("of-profile".into(), 7), "a profile's file ranks above");
}

#[test]
fn later_imports_win_and_each_document_adds_its_own() {
    let case = importing("file:a.yml, optional:file:b.toml")
        .local("#---\nspring.config.import[0]=file:c[.yaml]\n")
        .file("a.yml", "shop.topic: a\nserver.port: 1\nshop.max-in-flight: 1\n")
        .file("b.toml", "shop.topic = 'b'\n[server]\nport = 2\n")
        .file("c", "shop.topic: c\n");
    assert_eq!(told(&case), ("c".into(), 2));
    let imports = effective(&case.loaded(), "spring.config.import").value.clone();
    assert_eq!(imports, "file:a.yml, optional:file:b.toml,file:c[.yaml]");
    // The environment adds to the files, too, and ranks above all of them.
    let case = case
        .file("application-default.properties", "shop.topic=of-profile\n")
        .file("d.properties", "shop.topic=d\n")
        .env("SPRING_CONFIG_IMPORT", "file:d.properties");
    assert_eq!(told(&case), ("d".into(), 2));
}

#[test]
fn an_imported_file_has_variants_for_profiles() {
    let case = importing("file:more.yml,file:folder/")
        .local("spring.profiles.active=eu,prod\n")
        .file(
            "more.yml",
            "shop.topic: more\nserver.port: 1\n---\n\
                           spring.config.activate.on-profile: prod & eu\nserver.port: 2\n",
        )
        .file("more-prod.yml", "shop.topic: more-prod\n")
        .file("application-prod.yml", "shop.topic: prod\n")
        .file("folder/application.toml", "[shop]\nmax-in-flight = 7\n")
        .file("folder/application-eu.yaml", "shop.max-in-flight: 8\n");
    assert_eq!(told(&case), ("more-prod".into(), 2));
    assert_eq!(case.loaded().settings.max_in_flight, 8);
}

#[test]
fn a_profile_s_file_imports_above_itself() {
    let case = Case::new()
        .option("spring.profiles.active", "eu,prod")
        .file("application-eu.yml", "spring.config.import: file:a.yml,file:b.yml\nshop.topic: eu\n")
        .file("a.yml", "shop.topic: a\nserver.port: 1\nshop.max-in-flight: 1\n")
        .file("a-prod.yml", "shop.topic: a-prod\nserver.port: 2\n")
        .file("b.yml", "shop.topic: b\n")
        .file("application-prod.yml", "shop.max-in-flight: 9\n");
    assert_eq!(told(&case), ("b".into(), 2));
    assert_eq!(case.loaded().settings.max_in_flight, 9, "a later profile ranks above");
}

#[test]
fn documents_for_profiles_and_imported_files_import_as_well() {
    let case = Case::new()
        .file(
            "application.yml",
            "spring.profiles.active: prod\n---\nspring.config:\n  activate.on-profile: prod\n  \
             import: file:sub/one.yml\n---\nspring.config:\n  activate.on-profile: '!prod'\n  \
             import: file:missing.yml\n",
        )
        // A bare path begins at the file, `file:` at the working folder.
        .file("sub/one.yml", "spring.config.import: two.yml,file:sub/three.yml\nshop.topic: one\n")
        .file("sub/two.yml", "shop.topic: two\nserver.port: 2\n")
        .file("sub/three.yml", "server.port: 3\nspring.config.import: one.yml\n");
    assert_eq!(told(&case), ("two".into(), 3), "and a circle ends");
}

#[test]
fn placeholders_in_imports_name_what_was_read_before() {
    let case = importing("file:${where}/${STAGE:test}.yml")
        .local("where=stages\n")
        .file("stages/test.yml", "shop.topic: test\n")
        .file("stages/prod.yml", "shop.topic: prod\n");
    assert_eq!(told(&case).0, "test");
    assert_eq!(told(&case.env("STAGE", "prod")).0, "prod");
    let said = importing("file:${nowhere}").wrong();
    assert!(said.starts_with("the settings are wrong: spring.config.import (application.properties:1): refers to ${nowhere}"), "{said}");
}

#[test]
fn what_is_missing_stops_the_start_unless_it_is_optional() {
    for (import, complaint) in [
        ("file:./none.yml", "there is no such file; the start goes on without it if"),
        ("file:./none/", "there is no such folder; "),
        ("file:./none/*/", "there is no such folder; "),
        ("configtree:none/", "there is no such folder; "),
        ("env:NONE", "there is no such variable; "),
    ] {
        let said = importing(import).wrong();
        let start = format!("spring.config.import = {import:?} (application.properties:1): ");
        assert!(said.contains(&format!("{start}{complaint}")), "{said}");
        let optional = importing(&format!("optional:{import}"));
        assert_eq!(optional.loaded().warnings, [""; 0]);
        let warned =
            importing(import).env("SPRING_CONFIG_ON_NOT_FOUND", "ignore").loaded().warnings;
        assert_eq!(warned.len(), 1, "{warned:?}");
    }
}

#[test]
fn an_import_that_is_not_known_stops_the_start_unless_it_is_optional() {
    for (import, complaint) in [
        ("classpath:more.yml", "nothing is imported from classpath: here; must be imports"),
        ("vault://secret/shop", "nothing is imported from vault: here"),
        ("consul:", "nothing is imported from consul: here"),
        ("https://h/x.yml", "nothing is imported from https: here"),
        ("file:more.xml", "must be a .properties, .yml, .yaml or .toml file, or a folder with a /"),
        ("configtree:trees", "a config tree is a folder, and its path must end in /"),
        ("file:*/x.yml", "a * can only stand for the last folder"),
    ] {
        let said = importing(import).wrong();
        let start = format!("spring.config.import = {import:?} (application.properties:1): ");
        assert!(said.contains(&format!("{start}{complaint}")), "{said}");
    }
    let [warning] = &importing("optional:zookeeper:h:2181").loaded().warnings[..] else { panic!() };
    assert!(
        warning.contains("\"optional:zookeeper:h:2181\" (application.properties:1) is left out")
    );
    let said = importing(&format!("vault://u:{PLANTED}@h")).wrong();
    assert!(!said.contains(PLANTED), "{said}");
    assert!(importing("file:bad.yml").file("bad.yml", "a: [").wrong().contains("bad.yml: line "));
}

#[test]
fn a_config_tree_gives_a_key_for_each_file() {
    let case = importing("configtree:./trees/main/,optional:configtree:trees/all/*/")
        .file("trees/main/spring.datasource.password", "p${x}\\${y}\n")
        .file("trees/main/shop/topic", "of-tree\r\n")
        .file("trees/main/shop/labels/lines", "a\nb\n")
        .file("trees/main/.hidden", "x")
        .file("trees/main/..2026/shop.topic", "hidden")
        .file("trees/main/..2026/server.port", "81\n")
        .file("trees/all/a/shop.max-in-flight", "1")
        .file("trees/all/b/shop.max-in-flight", "2");
    // As Kubernetes mounts a secret.
    let main = case.folder.path().join("trees/main");
    symlink("..2026", main.join("..data")).unwrap();
    symlink("..data/server.port", main.join("server.port")).unwrap();
    symlink("nothing", main.join("dangling")).unwrap();
    fs::write(main.join("unrelated.bin"), vec![0xff; 2 << 20]).unwrap();
    let loaded = case.loaded();
    let settings = &loaded.settings;
    assert_eq!(settings.password.as_ref().unwrap().expose_secret(), "p${x}\\${y}", "plain text");
    assert_eq!((settings.topic.as_str(), settings.port), ("of-tree", 81));
    assert_eq!(settings.labels["lines"], "a\nb\n", "one line alone loses its end");
    assert_eq!(settings.max_in_flight, 2);
    assert_eq!(effective(&loaded, "server.port").origin.to_string(), "trees/main/server.port:1");
    assert_eq!(
        loaded.warnings,
        ["trees/main/unrelated.bin is too large for a value, and left out"]
    );
}

#[test]
fn imports_in_a_circle_end() {
    let case = importing("file:a.yml,configtree:tree/,env:MORE")
        .file("a.yml", "spring.config.import: sub/../b.yml\n")
        .file("b.yml", "spring.config.import: sub/../a.yml\nserver.port: 7\n")
        .file("sub/none.yml", "")
        .file("tree/spring.config.import", "configtree:./tree/")
        .env("MORE", "spring.config.import=env:MORE\nshop.topic=more\n");
    assert_eq!(told(&case), ("more".into(), 7));
}

#[test]
fn a_variable_may_hold_a_file() {
    let case = importing("env:MORE,optional:env:YAML[.yaml],optional:env:NONE")
        .env("MORE", "server.port=7\nshop.topic=more\n")
        .env("YAML", "shop:\n  topic: yaml\n");
    assert_eq!(told(&case), ("yaml".into(), 7));
}

#[test]
fn files_are_looked_for_where_the_environment_says() {
    let case = Case::new()
        .local("server.port=1\nshop.topic=default\n")
        .file("config/sub/application.yml", "server.port: 2\n");
    assert_eq!(told(&case), ("default".into(), 2), "each folder in ./config is searched");
    let case = case
        .file("a/application.yml", "server.port: 3\n")
        .file("a/application-p.yml", "server.port: 4\n")
        .file("b/shop.properties", "server.port=5\n")
        .file("c.toml", "[shop]\nmax-in-flight = 6\n")
        .env("SPRING_CONFIG_LOCATION", "file:./a/,optional:file:none.yml,file:c.toml");
    assert_eq!(told(&case), ("orders".into(), 3));
    assert_eq!(case.loaded().settings.max_in_flight, 6);
    let case = case.env("SPRING_CONFIG_ADDITIONALLOCATION", "file:./b/");
    let case = case.option("spring.profiles.active", "p");
    assert_eq!(case.port(), 4);
    let case = case.env("SPRING_CONFIG_NAME", "application,shop");
    assert_eq!(case.port(), 5);
    let said = case.option("spring.config.location", "file:nowhere/,classpath:/x/").wrong();
    assert!(
        said.contains("spring.config.location = \"file:nowhere/\" (command line): there is no")
    );
    assert!(said.contains("nothing is imported from classpath: here"), "{said}");
}

#[test]
fn a_named_file_and_locations_exclude_each_other() {
    let mut case = Case::new().file("mine.toml", "server.port = 2\n");
    case.inputs.config = Some("mine.toml".into());
    let case = case.file("more.yml", "server.port: 3\n");
    let case = case.env("SPRING_CONFIG_ADDITIONAL_LOCATION", "file:more.yml");
    assert_eq!(case.port(), 3);
    let said = case.env("SPRING_CONFIG_LOCATION", "file:more.yml").wrong();
    assert!(said.contains("spring.config.location"), "{said}");
    let mut case = Case::new();
    case.inputs.config = Some("none.toml".into());
    assert!(case.wrong().contains("none.toml: cannot be read: "));
}

#[test]
fn places_of_files_cannot_be_set_in_files() {
    let case = Case::new().local("spring.config.location=file:x/\nspring.config.name=y\n");
    assert_eq!(
        case.loaded().warnings,
        ["only the command line and the environment can set these: spring.config.location \
          (application.properties:1), spring.config.name (application.properties:2)"]
    );
}
