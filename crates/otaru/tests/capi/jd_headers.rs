//! The headers of `libotaru_jd`: they compile alone, every number is the sheet's, and the library exports what they name.
//! Functions: jd-iot-engine §6.1, §3.2; numbers: §6.3, §3.2. Layouts: the order of §3.2, and what aliyun-iotkit-v3 §5 has.

use crate::lab::{JD, Standard, exported};

/// On LP64, in bytes.
const SIZES: &[(&str, usize)] = &[
    ("iot_mqtt_param_t", 88),
    ("iot_mqtt_topic_info_t", 32),
    ("iot_mqtt_event_msg_t", 16),
    ("iot_mqtt_event_handle_t", 16),
    ("otaru_jd_firmware_t", 120),
];

const OFFSETS: &[(&str, &[(&str, usize)])] = &[
    (
        "iot_mqtt_param_t",
        &[
            ("port", 0),
            ("host", 8),
            ("client_id", 16),
            ("username", 24),
            ("password", 32),
            ("pub_key", 40),
            ("clean_session", 48),
            ("request_timeout_ms", 52),
            ("keepalive_interval_ms", 56),
            ("write_buf_size", 60),
            ("read_buf_size", 64),
            ("handle_event.h_fp", 72),
            ("handle_event.pcontext", 80),
        ],
    ),
    (
        "iot_mqtt_topic_info_t",
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
    ("iot_mqtt_event_msg_t", &[("event_type", 0), ("msg", 8)]),
    ("otaru_jd_firmware_t", &[("version", 0), ("md5", 65), ("size", 104), ("silent", 112)]),
];

const VALUES: &[(&str, i32)] = &[
    ("IOT_OTA_ERR_NONE", 0),
    ("IOT_OTA_ERR_GENERAL", -1),
    ("IOT_OTA_ERR_INVALID_PARAM", -2),
    ("IOT_OTA_ERR_INVALID_STATE", -3),
    ("IOT_OTA_ERR_STR_TOO_LONG", -4),
    ("IOT_OTA_ERR_FETCH_FAILED", -5),
    ("IOT_OTA_ERR_NOMEM", -6),
    ("IOT_OTA_ERR_OSC_FAILED", -7),
    ("IOT_OTA_STATUS_DOWNLOADING", 0),
    ("IOT_OTA_STATUS_UPGRADING", 1),
    ("IOT_OTA_STATUS_SUCCESS", 2),
    ("IOT_OTA_STATUS_FAILED", -1),
    ("IOT_OTA_STATUS_DOWNLOAD_FAILED", -2),
    ("IOT_OTA_STATUS_VERIFY_FAILED", -3),
    ("IOT_OTA_STATUS_BURN_FAILED", -4),
    ("MQTT_SUB_TYPE_PROPERTY_REPLY", 0),
    ("MQTT_SUB_TYPE_EVENT_REPLY", 1),
    ("MQTT_SUB_TYPE_SERVICE", 2),
    ("MQTT_SUB_TYPE_SHADOW_UPDATE", 3),
    ("MQTT_SUB_TYPE_DEVICE_UPDATE_SHADOW_REPLY", 4),
    ("MQTT_SUB_TYPE_GET_SHADOW_REPLY", 5),
    ("MQTT_SUB_DYNAMIC_AUTH", 6),
    ("MQTT_SUB_TYPE_OTA_FIRMWARE_GET_INF_REPLY", 7),
    ("IOT_MQTT_EVENT_UNDEF", 0),
    ("IOT_MQTT_EVENT_DISCONNECT", 1),
    ("IOT_MQTT_EVENT_RECONNECT", 2),
    ("IOT_MQTT_EVENT_PUBLISH_RECEIVED", 12),
    ("IOT_MQTT_EVENT_BUFFER_OVERFLOW", 13),
];

#[test]
fn every_jd_header_compiles_alone_as_c99_and_as_cpp17() {
    let headers = JD.headers();
    assert_eq!(headers, ["iot_mqtt.h", "iot_ota.h"]);
    for header in headers {
        for standard in [Standard::C99, Standard::Cpp17] {
            JD.check(standard, &format!("#include \"{header}\"\n#include \"{header}\"\n"));
        }
    }
}

#[test]
fn every_jd_size_offset_and_value_is_the_sheets() {
    let mut facts: Vec<String> =
        SIZES.iter().map(|(name, size)| format!("sizeof({name}) == {size}")).collect();
    for (name, members) in OFFSETS {
        facts.extend(members.iter().map(|(member, at)| format!("offsetof({name}, {member}) == {at}")));
    }
    facts.extend(VALUES.iter().map(|(name, value)| format!("{name} == {value}")));
    for standard in [Standard::C99, Standard::Cpp17] {
        JD.check_facts(standard, &[], &facts);
    }
}

#[test]
fn every_jd_function_takes_what_its_documents_say() {
    let source = "#include \"iot_ota.h\"
        void *(*a)(const char *, const char *, void *) = iot_ota_init;
        int (*b)(void *) = iot_ota_destroy;
        int (*c)(void *, iot_ota_status_t, uint32_t) = iot_ota_report_progress;
        int (*d)(void *, const char *) = iot_ota_report_firmware_version;
        int (*e)(void *) = iot_ota_is_fetching;
        int (*f)(void *) = iot_ota_fetch_finish;
        int (*g)(void *, char *, uint32_t, uint32_t) = iot_ota_fetch_yield;
        int (*h)(void *, const char *, const char *, const char *) = iot_ota_get_firmware_info;
        void *(*i)(iot_mqtt_param_t *) = iot_mqtt_construct;
        int (*j)(void *, int) = iot_mqtt_yield;
        int (*k)(void *) = iot_mqtt_check_state_normal;
        int (*l)(void *, const char *) = iot_mqtt_unsubscribe;
        uint32_t (*m)(void) = iot_mqtt_generate_msgid;
        void (*callback)(void *, void *, iot_mqtt_event_msg_pt);
        int both(void *client) { return iot_mqtt_destroy(client) + iot_mqtt_destroy(&client)
            + iot_mqtt_subscribe_router(client, MQTT_SUB_TYPE_SERVICE, \"p\", \"d\", callback, client); }\n";
    for standard in [Standard::C99, Standard::Cpp17] {
        JD.check(standard, source);
    }
}

#[test]
fn the_jd_library_exports_what_its_headers_name_and_nothing_else() {
    let named = [
        "iot_mqtt_check_state_normal",
        "iot_mqtt_construct",
        "iot_mqtt_destroy",
        "iot_mqtt_generate_msgid",
        "iot_mqtt_subscribe_router",
        "iot_mqtt_unsubscribe",
        "iot_mqtt_yield",
        "iot_ota_destroy",
        "iot_ota_fetch_finish",
        "iot_ota_fetch_yield",
        "iot_ota_get_firmware_info",
        "iot_ota_init",
        "iot_ota_is_fetching",
        "iot_ota_report_firmware_version",
        "iot_ota_report_progress",
        "otaru_jd_firmware",
        "otaru_jd_trust",
    ];
    assert_eq!(exported(JD.shared()), named);
}
