//! What concerns the inside of a Java application alone.

use settings_spring::Unread;

const INSIDE: &str = "about the inside of a Java application";

pub(super) static ROWS: &[Unread] = &[
    Unread::ignored(
        &[
            "spring.aop.*",
            "spring.application.*",
            "spring.banner.*",
            "spring.beaninfo.*",
            "spring.dao.*",
            "spring.devtools.*",
            "spring.git.*",
            "spring.info.*",
            "spring.jdbc.*",
            "spring.jmx.*",
            "spring.jooq.*",
            "spring.jta.*",
            "spring.main.*",
            "spring.mandatory-file-encoding",
            "spring.netty.*",
            "spring.output.*",
            "spring.pid.*",
            "spring.reactor.*",
            "spring.task.*",
            "spring.threads.*",
            "spring.transaction.*",
            "spring.validation.*",
        ],
        INSIDE,
    ),
    Unread::ignored(
        &["spring.docker.*"],
        "no containers are started: name the database by spring.datasource.url",
    ),
];
