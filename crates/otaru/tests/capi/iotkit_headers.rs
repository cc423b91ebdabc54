//! The headers of `libotaru_iotkit` and the names that the library has: layouts and numbers are the vendor's.
//! Sizes and values: aliyun-iotkit-v3 §1.1, §1.3, §3.1, §3.3, §4.1, §4.2, §4.3, §4.5, §5.

use std::{collections::BTreeSet, process::Command};

use crate::lab::{IOTKIT, Standard, succeeds};

/// The headers by the names that §5 lists.
const HEADERS: [&str; 8] = [
    "dev_model_api.h",
    "infra_compat.h",
    "infra_config.h",
    "infra_defs.h",
    "infra_types.h",
    "mqtt_api.h",
    "ota_api.h",
    "wrappers.h",
];

/// Sizes of structs in bytes, on LP64.
const SIZES: &[(&str, usize)] = &[
    ("iotx_conn_info_t", 48),
    ("iotx_mqtt_param_t", 96),
    ("iotx_mqtt_topic_info_t", 32),
    ("iotx_mqtt_event_msg_t", 16),
    ("iotx_linkkit_dev_meta_info_t", 184),
    ("iotx_dev_meta_info_t", 184),
];

/// Offsets of members in bytes, on LP64: the order of the sheet's lists.
const OFFSETS: &[(&str, &[(&str, usize)])] = &[
    (
        "iotx_conn_info_t",
        &[
            ("port", 0),
            ("init", 2),
            ("host_name", 8),
            ("client_id", 16),
            ("username", 24),
            ("password", 32),
            ("pub_key", 40),
        ],
    ),
    (
        "iotx_mqtt_param_t",
        &[
            ("port", 0),
            ("host", 8),
            ("client_id", 16),
            ("username", 24),
            ("password", 32),
            ("customize_info", 40),
            ("pub_key", 48),
            ("clean_session", 56),
            ("request_timeout_ms", 60),
            ("keepalive_interval_ms", 64),
            ("write_buf_size", 68),
            ("read_buf_size", 72),
            ("handle_event.h_fp", 80),
            ("handle_event.pcontext", 88),
        ],
    ),
    (
        "iotx_mqtt_topic_info_t",
        &[
            ("packet_id", 0),
            ("qos", 2),
            ("dup", 3),
            ("retain", 4),
            ("topic_len", 6),
            ("payload_len", 8),
            ("ptopic", 16),
            ("payload", 24),
        ],
    ),
    ("iotx_mqtt_event_msg_t", &[("event_type", 0), ("msg", 8)]),
    (
        "iotx_linkkit_dev_meta_info_t",
        &[("product_key", 0), ("product_secret", 21), ("device_name", 86), ("device_secret", 119)],
    ),
];

const VALUES: &[(&str, i32)] = &[
    ("IOTX_CLOUD_REGION_SHANGHAI", 0),
    ("IOTX_CLOUD_REGION_GERMANY", 4),
    ("IOTX_CLOUD_REGION_CUSTOM", 5),
    ("IOT_LOG_NONE", 0),
    ("IOT_LOG_CRIT", 1),
    ("IOT_LOG_ERROR", 2),
    ("IOT_LOG_WARNING", 3),
    ("IOT_LOG_INFO", 4),
    ("IOT_LOG_DEBUG", 5),
    ("IOTX_MQTT_EVENT_UNDEF", 0),
    ("IOTX_MQTT_EVENT_DISCONNECT", 1),
    ("IOTX_MQTT_EVENT_RECONNECT", 2),
    ("IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS", 3),
    ("IOTX_MQTT_EVENT_SUBCRIBE_TIMEOUT", 4),
    ("IOTX_MQTT_EVENT_SUBCRIBE_NACK", 5),
    ("IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS", 6),
    ("IOTX_MQTT_EVENT_PUBLISH_SUCCESS", 9),
    ("IOTX_MQTT_EVENT_PUBLISH_NACK", 11),
    ("IOTX_MQTT_EVENT_PUBLISH_RECEIVED", 12),
    ("IOTX_MQTT_EVENT_BUFFER_OVERFLOW", 13),
    ("IOT_OTAE_NONE", 0),
    ("IOT_OTAE_GENERAL", -1),
    ("IOT_OTAE_INVALID_PARAM", -2),
    ("IOT_OTAE_INVALID_STATE", -3),
    ("IOT_OTAE_STR_TOO_LONG", -4),
    ("IOT_OTAE_FETCH_FAILED", -5),
    ("IOT_OTAE_NOMEM", -6),
    ("IOT_OTAE_OSC_FAILED", -7),
    ("IOT_OTAS_UNINITED", 0),
    ("IOT_OTAS_INITED", 1),
    ("IOT_OTAS_PUSHED", 2),
    ("IOT_OTAS_FETCHING", 3),
    ("IOT_OTAS_FETCHED", 4),
    ("IOT_OTAT_NONE", 0),
    ("IOT_OTAT_COTA", 1),
    ("IOT_OTAT_FOTA", 2),
    ("IOT_OTAP_BURN_FAILED", -4),
    ("IOT_OTAP_CHECK_FALIED", -3),
    ("IOT_OTAP_CHECK_FAILED", -3),
    ("IOT_OTAP_FETCH_FAILED", -2),
    ("IOT_OTAP_GENERAL_FAILED", -1),
    ("IOT_OTAP_FETCH_PERCENTAGE_MIN", 0),
    ("IOT_OTAP_FETCH_PERCENTAGE_MAX", 100),
    ("IOT_OTAG_COTA_CONFIG_ID", 0),
    ("IOT_OTAG_COTA_CONFIG_SIZE", 1),
    ("IOT_OTAG_COTA_SIGN", 2),
    ("IOT_OTAG_COTA_SIGN_METHOD", 3),
    ("IOT_OTAG_COTA_URL", 4),
    ("IOT_OTAG_COTA_GETTYPE", 5),
    ("IOT_OTAG_OTA_TYPE", 6),
    ("IOT_OTAG_FETCHED_SIZE", 7),
    ("IOT_OTAG_FILE_SIZE", 8),
    ("IOT_OTAG_MD5SUM", 9),
    ("IOT_OTAG_VERSION", 10),
    ("IOT_OTAG_MODULE", 11),
    ("IOT_OTAG_CHECK_FIRMWARE", 12),
    ("IOT_OTAG_CHECK_CONFIG", 13),
    ("IOT_OTAG_RESET_FETCHED_SIZE", 14),
    ("IOT_OTAG_RESET_STATE", 15),
    ("IOTX_IOCTL_SET_DOMAIN", 0),
    ("IOTX_IOCTL_GET_REGION", 1),
    ("IOTX_IOCTL_SET_MQTT_DOMAIN", 2),
    ("IOTX_IOCTL_SET_HTTP_DOMAIN", 3),
    ("IOTX_IOCTL_SET_DYNAMIC_REGISTER", 4),
    ("IOTX_IOCTL_RECV_EVENT_REPLY", 7),
    ("IOTX_IOCTL_SET_OTA_DEV_ID", 11),
    ("IOTX_IOCTL_FOTA_TIMEOUT_MS", 12),
    ("IOTX_IOCTL_SET_CUSTOMIZE_INFO", 13),
    ("IOTX_IOCTL_SET_MQTT_PORT", 14),
    ("IOTX_IOCTL_SUB_USER_TOPIC", 19),
    ("IOTX_IOCTL_SET_PRODUCT_KEY", 20),
    ("IOTX_IOCTL_SET_PRODUCT_SECRET", 22),
    ("IOTX_IOCTL_SET_DEVICE_NAME", 24),
    ("IOTX_IOCTL_SET_DEVICE_SECRET", 26),
    ("IOTX_IOCTL_GET_DEVICE_SECRET", 27),
    ("IOTX_IOCTL_SET_MODULE", 28),
    ("IOTX_IOCTL_GET_MODULE", 29),
    ("ITE_CONNECT_SUCC", 1),
    ("ITE_DISCONNECTED", 3),
    ("ITE_SERVICE_REQUEST", 5),
    ("ITE_PROPERTY_SET", 7),
    ("ITE_REPORT_REPLY", 9),
    ("ITE_TRIGGER_EVENT_REPLY", 10),
    ("ITE_TIMESTAMP_REPLY", 11),
    ("ITE_INITIALIZE_COMPLETED", 14),
    ("ITE_FOTA", 15),
    ("ITE_FOTA_MODULE", 16),
    ("ITE_COTA", 17),
    ("ITE_MQTT_CONNECT_SUCC", 18),
    ("ITE_CLOUD_ERROR", 19),
    ("ITE_DYNREG_DEVICE_SECRET", 20),
    ("ITE_STATE_EVERYTHING", 23),
    ("IOTX_LINKKIT_DEV_TYPE_MASTER", 0),
    ("IOTX_LINKKIT_DEV_TYPE_SLAVE", 1),
    ("ITM_MSG_POST_PROPERTY", 0),
    ("ITM_MSG_QUERY_TIMESTAMP", 7),
    ("ITM_MSG_QUERY_FOTA_DATA", 9),
    ("ITM_MSG_QUERY_COTA_DATA", 10),
    ("ITM_MSG_REQUEST_COTA", 11),
    ("ITM_MSG_REQUEST_FOTA_IMAGE", 12),
    ("ITM_MSG_REPORT_SUBDEV_FIRMWARE_VERSION", 13),
    ("ITM_MSG_POST_HISTORY_DATA", 16),
    ("IOTX_LINKKIT_MSG_MAX", 17),
    ("SUCCESS_RETURN", 0),
    ("FAIL_RETURN", -1),
    ("NULL_VALUE_ERROR", -2),
];

#[test]
fn every_header_compiles_alone_as_c99_and_as_cpp17() {
    assert_eq!(IOTKIT.headers(), HEADERS);
    for header in HEADERS {
        for standard in [Standard::C99, Standard::Cpp17] {
            let source = format!("#include \"{header}\"\n#include \"{header}\"\ntypedef int something;\n");
            IOTKIT.check(standard, &source);
        }
    }
}

#[test]
fn every_size_offset_and_value_is_the_vendors() {
    let mut checks: Vec<String> =
        SIZES.iter().map(|(name, size)| format!("sizeof({name}) == {size}")).collect();
    for (name, members) in OFFSETS {
        checks.extend(members.iter().map(|(member, at)| format!("offsetof({name}, {member}) == {at}")));
    }
    checks.extend(VALUES.iter().map(|(name, value)| format!("{name} == {value}")));
    let mut source: String = HEADERS.iter().map(|header| format!("#include \"{header}\"\n")).collect();
    source.push_str("#include <stddef.h>\n#ifndef __cplusplus\n#define NAME(at) check_##at\n");
    source.push_str("#define CHECK(at, it) typedef char NAME(at)[(it) ? 1 : -1]\n#else\n");
    source.push_str("#define CHECK(at, it) static_assert(it, #it)\n#endif\n");
    for (at, check) in checks.iter().enumerate() {
        source.push_str(&format!("CHECK({at}, {check});\n"));
    }
    for standard in [Standard::C99, Standard::Cpp17] {
        IOTKIT.check(standard, &source);
    }
}

/// Every function that the headers declare.
fn declared() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for header in HEADERS {
        let text = std::fs::read_to_string(IOTKIT.include().join(header)).unwrap();
        let code: String =
            text.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, code)| code)).collect();
        for line in code.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split('(').next().unwrap().rsplit([' ', '*']).next().unwrap();
            if line.contains('(') && ["IOT_", "HAL_", "iotx_"].iter().any(|start| name.starts_with(start)) {
                names.insert(name.to_owned());
            }
        }
    }
    assert!(names.len() > 60, "{names:?}");
    names
}

/// The names that a file defines for others, with the letter of their kind.
fn defined(args: &[&str], file: &std::path::Path) -> Vec<(String, String)> {
    let mut nm = Command::new("nm");
    nm.args(["--defined-only", "--extern-only"]).args(args).arg(file);
    let text = String::from_utf8(succeeds(nm).stdout).unwrap();
    let symbols = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace().rev();
        let (name, kind) = (words.next()?, words.next()?);
        words.next().map(|_| (name.to_owned(), kind.to_owned()))
    });
    symbols.collect()
}

#[test]
fn the_shared_library_gives_exactly_the_declared_names_and_the_ports_weakly() {
    let given = defined(&["--dynamic"], IOTKIT.shared());
    let names: BTreeSet<String> = given.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, declared());
    for (name, kind) in given {
        assert_eq!(kind, if name.starts_with("HAL_") { "W" } else { "T" }, "{name}");
    }
}

#[test]
fn the_archive_has_every_declared_name_and_the_ports_weakly() {
    let ours = declared();
    let given: Vec<_> =
        defined(&[], IOTKIT.archive()).into_iter().filter(|(name, _)| ours.contains(name)).collect();
    assert_eq!(given.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>(), ours);
    for (name, kind) in given {
        assert_eq!(kind, if name.starts_with("HAL_") { "W" } else { "T" }, "{name}");
    }
}
