//! Who reaches this service over HTTP, and how.

use settings_spring::Unread;

const PEM: &str = "key stores of Java and encrypted keys are not read: name PEM files by server.ssl.certificate and \
                   server.ssl.certificate-private-key, authorities of clients by server.ssl.trust-certificate (under \
                   management.server.ssl, too), and take this out";
const NO_CHOICE: &str = "the protocols are those of enabled-protocols, with the cipher suites of rustls and one certificate a port; \
                         take this out";
const NO_USERS: &str = "callers are known by the tokens of an issuer, spring.security.oauth2.resourceserver.jwt; there \
                        are no users, sessions and log-ins here: take this out";
const NO_OPAQUE_TOKENS: &str = "the issuer is not asked about each token: have it issue signed ones, set \
                                spring.security.oauth2.resourceserver.jwt.issuer-uri, and take this out";
const ONE_PATH: &str = "a path in front of all others is named by server.servlet.context-path; name it there, and \
                        take this out";
const JAVA_SERVER: &str = "about a Java server; server.tomcat.max-connections, order.max-in-flight, \
                           order.request-budget and order.body-deadline are the limits of this one";
const OUR_SCHEMA: &str = "GraphQL is as docs/graphql.md says";
const NO_SESSIONS: &str = "there are no sessions";
const OUR_JSON: &str = "requests and answers are as docs/api.md says";

pub(super) static ROWS: &[Unread] = &[
    Unread::refused(&["spring.security.*"], NO_USERS),
    Unread::refused(&["spring.security.oauth2.resourceserver.opaquetoken.*"], NO_OPAQUE_TOKENS),
    Unread::refused(
        &["spring.security.oauth2.resourceserver.jwt.jws-algorithm"],
        "write spring.security.oauth2.resourceserver.jwt.jws-algorithms, and take this out",
    ),
    Unread::refused(&["server.ssl.*"], PEM).off("server.ssl.enabled", "false"),
    Unread::refused(&["management.server.ssl.*"], PEM)
        .off("management.server.ssl.enabled", "false"),
    Unread::refused(
        &["server.ssl.ciphers", "server.ssl.protocol", "server.ssl.server-name-bundles.*"],
        NO_CHOICE,
    )
    .unless(&["TLS"])
    .off("server.ssl.enabled", "false"),
    Unread::refused(
        &[
            "management.server.ssl.ciphers",
            "management.server.ssl.protocol",
            "management.server.ssl.server-name-bundles.*",
        ],
        NO_CHOICE,
    )
    .unless(&["TLS"])
    .off("management.server.ssl.enabled", "false"),
    Unread::refused(
        &["spring.ssl.bundle.jks.*"],
        "key stores of Java are not read: name PEM files by spring.ssl.bundle.pem, and take this out",
    ),
    Unread::ignored(
        &["spring.ssl.bundle.watch.file.quiet-period"],
        "files are looked at every 10 s",
    ),
    Unread::refused(
        &["server.servlet.path", "spring.mvc.servlet.path", "spring.webflux.base-path"],
        ONE_PATH,
    )
    .unless(&["/"]),
    Unread::refused(
        &["spring.main.web-application-type"],
        "this service takes requests over HTTP; take this out",
    )
    .unless(&["servlet", "reactive"]),
    Unread::ignored(&["server.shutdown"], "a stop lets requests finish").unless(&["graceful"]),
    Unread::ignored(
        &["server.use-forward-headers"],
        "server.forward-headers-strategy says whose word is taken",
    )
    .unless(&["false"]),
    Unread::ignored(
        &["server.compression.*"],
        "the type and the size of an answer alone say whether it is compressed",
    ),
    Unread::ignored(&["server.http2.enabled"], "requests are taken over HTTP/1.1")
        .unless(&["false"]),
    Unread::ignored(
        &[
            "server.jetty.*",
            "server.netty.*",
            "server.tomcat.*",
            "server.undertow.*",
            "server.servlet.*",
            "server.connection-timeout",
            "server.max-http-header-size",
            "server.max-http-post-size",
            "server.max-http-request-header-size",
            "server.server-header",
            "spring.servlet.*",
        ],
        JAVA_SERVER,
    ),
    Unread::ignored(&["server.servlet.session.*", "server.reactive.session.*"], NO_SESSIONS),
    Unread::ignored(&["server.servlet.encoding.*", "spring.http.encoding.*"], "texts are UTF-8")
        .unless(&["true", "UTF-8"]),
    Unread::ignored(&["server.error.*"], "errors are problem documents (docs/api.md)"),
    Unread::ignored(
        &[
            "spring.codec.*",
            "spring.freemarker.*",
            "spring.groovy.*",
            "spring.gson.*",
            "spring.hateoas.*",
            "spring.http.codecs.*",
            "spring.http.converters.*",
            "spring.http.log-request-details",
            "spring.jackson.*",
            "spring.jersey.*",
            "spring.messages.*",
            "spring.mustache.*",
            "spring.mvc.*",
            "spring.resources.*",
            "spring.thymeleaf.*",
            "spring.web.*",
            "spring.webflux.*",
            "spring.webservices.*",
        ],
        OUR_JSON,
    ),
    Unread::ignored(&["spring.graphql.*"], OUR_SCHEMA),
    Unread::ignored(
        &["spring.mvc.problemdetails.enabled", "spring.webflux.problemdetails.enabled"],
        OUR_JSON,
    )
    .unless(&["true"]),
    Unread::ignored(
        &[
            "spring.jackson.serialization.write-dates-as-timestamps",
            "spring.mvc.throw-exception-if-no-handler-found",
        ],
        OUR_JSON,
    )
    .unless(&["false"]),
];
