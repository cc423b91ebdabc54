//! State codes that are given or logged, outside the OTA group, which is `otaru_wire::dialect::aliyun::StateCode`. All of
//! them are in the headers (§5.7).

use otaru_wire::dialect::aliyun::StateCode;

pub(crate) const SUCCESS: i32 = 0;

pub(crate) const NULL_POINTER: i32 = -0x0101;
pub(crate) const OUT_RANGE: i32 = -0x0102;
pub(crate) const UNKNOWN_OPTION: i32 = -0x0103;
pub(crate) const MISSING_PRODUCT_KEY: i32 = -0x0104;
pub(crate) const MISSING_DEVICE_NAME: i32 = -0x0105;
pub(crate) const MISSING_DEVICE_SECRET: i32 = -0x0106;
pub(crate) const MISSING_PRODUCT_SECRET: i32 = -0x0107;
pub(crate) const MISSING_HOST: i32 = -0x0108;
pub(crate) const EXEC_DISABLED: i32 = -0x0109;

pub(crate) const NWK_CLOSED: i32 = -0x0204;
pub(crate) const NWK_READ_OVERTIME: i32 = -0x0207;

pub(crate) const CONNACK_FMT_ERROR: i32 = -0x0301;
pub(crate) const CONNACK_PROTOCOL_VERSION: i32 = -0x0302;
pub(crate) const CONNACK_SERVER_UNAVAILABLE: i32 = -0x0303;
pub(crate) const CONNACK_BAD_USERNAME_PASSWORD: i32 = -0x0304;
pub(crate) const CONNACK_NOT_AUTHORIZED: i32 = -0x0305;
pub(crate) const CONNACK_UNKNOWN: i32 = -0x0306;
pub(crate) const TOPIC_INVALID: i32 = -0x0308;
pub(crate) const SUBACK_FAILURE: i32 = -0x030F;
pub(crate) const MQTT_DEINIT_TIMEOUT: i32 = -0x0312;
pub(crate) const LOG_CONNECT: i32 = -0x0313;
pub(crate) const LOG_RECONNECTING: i32 = -0x0314;
pub(crate) const LOG_DISCONNECT: i32 = -0x0316;
pub(crate) const TOPIC_TOO_LONG: i32 = -0x031B;
pub(crate) const PAYLOAD_TOO_LONG: i32 = -0x031C;

pub(crate) const DYNREGMQ_NEED_REQUEST: i32 = -0x0502;
pub(crate) const DYNREGMQ_TIMEOUT: i32 = -0x0503;
pub(crate) const DYNREG_NEED_REQUEST: i32 = -0x0602;
pub(crate) const DYNREG_INVALID_STATUS: i32 = -0x0603;
pub(crate) const DYNREG_INVALID_SECRET: i32 = -0x0604;

pub(crate) const PORT_NULL_POINTER: i32 = -0x0F01;
pub(crate) const PORT_OUT_RANGE: i32 = -0x0F02;
pub(crate) const PORT_MISSING_HOST: i32 = -0x0F04;
pub(crate) const PORT_TCP_SERVER: i32 = -0x0F06;
pub(crate) const PORT_UDP_CLIENT: i32 = -0x0F07;
pub(crate) const PORT_UDP_SERVER: i32 = -0x0F08;
pub(crate) const PORT_UNKNOWN_SOCKET_TYPE: i32 = -0x0F0A;
pub(crate) const DNS_FAILED: i32 = -0x0F0B;
pub(crate) const CONNECT_TIMEOUT: i32 = -0x0F0F;
pub(crate) const CONNECT_FAILED: i32 = -0x0F10;
pub(crate) const SEND_FAILED: i32 = -0x0F12;
pub(crate) const RECV_FAILED: i32 = -0x0F13;
pub(crate) const SEND_CONNECTION_CLOSED: i32 = -0x0F14;
pub(crate) const RECV_CONNECTION_CLOSED: i32 = -0x0F15;
pub(crate) const TLS_INVALID_CRED_OPTION: i32 = -0x0F16;
pub(crate) const TLS_INVALID_MAX_FRAGMENT: i32 = -0x0F17;
pub(crate) const TLS_INVALID_SERVER_CERT: i32 = -0x0F18;
pub(crate) const TLS_INVALID_CLIENT_CERT: i32 = -0x0F19;
pub(crate) const TLS_INVALID_CLIENT_KEY: i32 = -0x0F1A;
pub(crate) const TLS_CONFIG_PSK_FAILED: i32 = -0x0F22;
pub(crate) const TLS_INVALID_HANDSHAKE: i32 = -0x0F23;
pub(crate) const QOS_CACHE_EXCEEDS_LIMIT: i32 = -0x0F28;

pub(crate) const BLOCKS_HANDLE_NULL: i32 = -0x1D01;
pub(crate) const BLOCKS_TASK_DEINIT: i32 = -0x1D02;
pub(crate) const BLOCKS_ING: i32 = -0x1D04;
pub(crate) const BLOCKS_FINISHED: i32 = -0x1D05;
pub(crate) const BLOCKS_SUCCESS: i32 = -0x1D06;
pub(crate) const BLOCKS_FAILED_TIMEOUT: i32 = -0x1D07;
pub(crate) const BLOCKS_FAILED_MISMATCH: i32 = -0x1D08;
pub(crate) const BLOCKS_FAILED_RECVERROR: i32 = -0x1D09;
pub(crate) const BLOCKS_FILESIZE_ERROR: i32 = -0x1D0B;

/// What a call gives if it panicked: a bug of ours, of which the SDK has no code.
pub(crate) const ADAPTER_COMMON: i32 = -0x1000;

/// The number of a code of the OTA group.
pub(crate) fn of(code: StateCode) -> i32 {
    code.number()
}

/// A call's result as C gets it.
pub(crate) fn result(result: Result<(), i32>) -> i32 {
    result.err().unwrap_or(SUCCESS)
}
