//! The headers of `libotaru_aiot`: they compile alone, and every layout and number is the vendor's.
//! Sizes, offsets and values: aliyun-link-sdk-v4 §5.

use crate::lab::{AIOT, Standard};

/// Sizes of structs in bytes, on LP64.
const SIZES: &[(&str, usize)] = &[
    ("aiot_download_task_desc_t", 104),
    ("aiot_ota_recv_t", 16),
    ("aiot_download_recv_t", 24),
    ("aiot_mqtt_download_recv_t", 40),
    ("aiot_mqtt_recv_t", 48),
    ("aiot_mqtt_event_t", 8),
    ("aiot_mqtt_topic_map_t", 24),
    ("aiot_sysdep_portfile_t", 120),
    ("aiot_sysdep_network_cred_t", 72),
    ("core_sysdep_psk_t", 16),
    ("core_sysdep_addr_t", 18),
];

/// Offsets of members in bytes, on LP64.
const OFFSETS: &[(&str, &[(&str, usize)])] = &[
    (
        "aiot_download_task_desc_t",
        &[
            ("product_key", 0),
            ("device_name", 8),
            ("url", 16),
            ("stream_id", 24),
            ("stream_file_id", 28),
            ("size_total", 32),
            ("digest_method", 36),
            ("expect_digest", 40),
            ("version", 48),
            ("module", 56),
            ("mqtt_handle", 64),
            ("extra_data", 72),
            ("file_name", 80),
            ("file_num", 88),
            ("file_id", 92),
            ("protocol_type", 96),
        ],
    ),
    ("aiot_ota_recv_t", &[("type", 0), ("task_desc", 8)]),
    ("aiot_download_recv_t", &[("type", 0), ("data.buffer", 8), ("data.len", 16), ("data.percent", 20)]),
    (
        "aiot_mqtt_download_recv_t",
        &[
            ("data.data_resp.filename", 8),
            ("data.data_resp.offset", 16),
            ("data.data_resp.data_size", 20),
            ("data.data_resp.data", 24),
            ("data.data_resp.percent", 32),
            ("data.data_resp.file_lenth", 36),
        ],
    ),
    (
        "aiot_mqtt_recv_t",
        &[
            ("data.pub.qos", 8),
            ("data.pub.topic", 16),
            ("data.pub.topic_len", 24),
            ("data.pub.payload", 32),
            ("data.pub.payload_len", 40),
            ("data.sub_ack.res", 8),
            ("data.sub_ack.max_qos", 12),
            ("data.sub_ack.packet_id", 14),
            ("data.unsub_ack.packet_id", 8),
            ("data.pub_ack.packet_id", 8),
        ],
    ),
    ("aiot_mqtt_event_t", &[("data.disconnect", 4)]),
    ("aiot_mqtt_topic_map_t", &[("topic", 0), ("handler", 8), ("userdata", 16)]),
    (
        "aiot_sysdep_network_cred_t",
        &[
            ("option", 0),
            ("max_tls_fragment", 4),
            ("sni_enabled", 8),
            ("x509_server_cert", 16),
            ("x509_server_cert_len", 24),
            ("x509_client_cert", 32),
            ("x509_client_cert_len", 40),
            ("x509_client_privkey", 48),
            ("x509_client_privkey_len", 56),
            ("tls_extend_info", 64),
        ],
    ),
    (
        "aiot_sysdep_portfile_t",
        &[
            ("core_sysdep_malloc", 0),
            ("core_sysdep_free", 8),
            ("core_sysdep_time", 16),
            ("core_sysdep_sleep", 24),
            ("core_sysdep_network_init", 32),
            ("core_sysdep_network_setopt", 40),
            ("core_sysdep_network_establish", 48),
            ("core_sysdep_network_recv", 56),
            ("core_sysdep_network_send", 64),
            ("core_sysdep_network_deinit", 72),
            ("core_sysdep_rand", 80),
            ("core_sysdep_mutex_init", 88),
            ("core_sysdep_mutex_lock", 96),
            ("core_sysdep_mutex_unlock", 104),
            ("core_sysdep_mutex_deinit", 112),
        ],
    ),
    ("core_sysdep_addr_t", &[("addr", 0), ("port", 16)]),
];

/// Values of enums and codes: the last of each list, and those that do not simply count up.
const VALUES: &[(&str, i32)] = &[
    ("AIOT_OTAOPT_RECV_HANDLER", 0),
    ("AIOT_OTAOPT_MQTT_HANDLE", 1),
    ("AIOT_OTAOPT_USERDATA", 2),
    ("AIOT_OTAOPT_MODULE", 3),
    ("AIOT_OTAOPT_MAX", 4),
    ("AIOT_OTARECV_COTA", 1),
    ("AIOT_OTA_DIGEST_SHA256", 1),
    ("AIOT_OTA_PROTOCOL_MQTT", 1),
    ("AIOT_OTAERR_UPGRADE_FAILED", -1),
    ("AIOT_OTAERR_BURN_FAILED", -4),
    ("AIOT_DLRECV_HTTPBODY", 0),
    ("AIOT_DLOPT_NETWORK_CRED", 0),
    ("AIOT_DLOPT_TASK_DESC", 5),
    ("AIOT_DLOPT_BODY_BUFFER_MAX_LEN", 8),
    ("AIOT_DLOPT_MAX", 9),
    ("AIOT_MDRECV_DATA_RESP", 0),
    ("AIOT_MDOPT_TASK_DESC", 3),
    ("AIOT_MDOPT_DATA_REQUEST_SIZE", 6),
    ("AIOT_MDOPT_MAX", 7),
    ("AIOT_MQTTOPT_HOST", 0),
    ("AIOT_MQTTOPT_NETWORK_CRED", 12),
    ("AIOT_MQTTOPT_RECV_TIMEOUT_MS", 19),
    ("AIOT_MQTTOPT_RECV_HANDLER", 22),
    ("AIOT_MQTTOPT_MAX_REPUB_NUM", 28),
    ("AIOT_MQTTOPT_TOPIC_HEADER_CHECK", 29),
    ("AIOT_MQTTOPT_MAX", 30),
    ("AIOT_MQTTRECV_PUB_ACK", 4),
    ("AIOT_MQTTEVT_DISCONNECT", 2),
    ("AIOT_MQTTDISCONNEVT_HEARTBEAT_DISCONNECT", 1),
    ("AIOT_SYSDEP_NETWORK_CRED_MAX", 3),
    ("CORE_SYSDEP_SOCKET_UDP_SERVER", 3),
    ("CORE_SYSDEP_NETWORK_MAX", 7),
    ("AIOT_DYNREGOPT_RECV_HANDLER", 8),
    ("AIOT_DYNREGOPT_MAX", 12),
    ("AIOT_DYNREGMQOPT_NO_WHITELIST", 12),
    ("AIOT_DYNREGMQOPT_INSTANCE_ID", 13),
    ("AIOT_DYNREGMQOPT_MAX", 14),
    ("AIOT_DYNREGMQRECV_DEVICEINFO_NWL", 1),
    ("STATE_SUCCESS", 0),
    ("STATE_USER_INPUT_NULL_POINTER", -0x0101),
    ("STATE_SYS_DEPEND_NWK_CLOSED", -0x0204),
    ("STATE_MQTT_LOG_HOST", -0x032A),
    ("STATE_HTTP_READ_BODY_EMPTY", -0x0412),
    ("STATE_DYNREGMQ_AUTH_TIMEOUT", -0x0503),
    ("STATE_DYNREG_INVALID_DEVICE_SECRET", -0x0604),
    ("STATE_PORT_NETWORK_RECV_CONNECTION_CLOSED", -0x0F15),
    ("STATE_QOS_CACHE_EXCEEDS_LIMIT", -0x0F28),
    ("STATE_ADAPTER_COMMON", -0x1000),
    ("STATE_MQTT_DOWNLOAD_FILESIZE_ERROR", -0x1D0B),
];

#[test]
fn every_header_compiles_alone_as_c99_and_as_cpp17() {
    let headers = AIOT.headers();
    assert_eq!(headers.len(), 8, "{headers:?}");
    for header in headers {
        for standard in [Standard::C99, Standard::Cpp17] {
            AIOT.check(standard, &format!("#include \"{header}\"\n#include \"{header}\"\n"));
        }
    }
}

#[test]
fn every_size_offset_and_value_is_the_vendors() {
    let mut source: String = AIOT.headers().iter().map(|header| format!("#include \"{header}\"\n")).collect();
    source.push_str("#include <stddef.h>\n#ifndef __cplusplus\n#define CHECK_(line) check_##line\n");
    source.push_str("#define CHECK(line, it) typedef char CHECK_(line)[(it) ? 1 : -1]\n#else\n");
    source.push_str("#define CHECK(line, it) static_assert(it, #it)\n#endif\n");
    let mut checks: Vec<String> = Vec::new();
    checks.extend(SIZES.iter().map(|(name, size)| format!("sizeof({name}) == {size}")));
    for (name, members) in OFFSETS {
        checks.extend(members.iter().map(|(member, at)| format!("offsetof({name}, {member}) == {at}")));
    }
    checks.extend(VALUES.iter().map(|(name, value)| format!("{name} == {value}")));
    // The OTA group is checked against otaru's own table, name by name.
    checks.extend(
        otaru_wire::dialect::aliyun::StateCode::ALL
            .iter()
            .map(|code| format!("{} == {}", code.name(), code.number())),
    );
    for (at, check) in checks.iter().enumerate() {
        source.push_str(&format!("CHECK({at}, {check});\n"));
    }
    for standard in [Standard::C99, Standard::Cpp17] {
        AIOT.check(standard, &source);
    }
}
