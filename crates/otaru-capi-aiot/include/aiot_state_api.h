/* State codes, and the log. */
#ifndef OTARU_AIOT_STATE_API_H
#define OTARU_AIOT_STATE_API_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every code is negative but this one. A log line shows a code without its sign: [LK-0313]. */
#define STATE_SUCCESS (0)

/* What the program handed over. */
#define STATE_USER_INPUT_BASE                   (-0x0100)
#define STATE_USER_INPUT_NULL_POINTER           (-0x0101)
#define STATE_USER_INPUT_OUT_RANGE              (-0x0102)
#define STATE_USER_INPUT_UNKNOWN_OPTION         (-0x0103)
#define STATE_USER_INPUT_MISSING_PRODUCT_KEY    (-0x0104)
#define STATE_USER_INPUT_MISSING_DEVICE_NAME    (-0x0105)
#define STATE_USER_INPUT_MISSING_DEVICE_SECRET  (-0x0106)
#define STATE_USER_INPUT_MISSING_PRODUCT_SECRET (-0x0107)
#define STATE_USER_INPUT_MISSING_HOST           (-0x0108)
#define STATE_USER_INPUT_EXEC_DISABLED          (-0x0109) /* being destroyed */
#define STATE_USER_INPUT_JSON_PARSE_FAILED      (-0x010A)

/* The system below: memory and network. */
#define STATE_SYS_DEPEND_BASE               (-0x0200)
#define STATE_SYS_DEPEND_MALLOC_FAILED      (-0x0201)
#define STATE_SYS_DEPEND_NWK_INVALID_OPTION (-0x0202)
#define STATE_SYS_DEPEND_NWK_EST_FAILED     (-0x0203)
#define STATE_SYS_DEPEND_NWK_CLOSED         (-0x0204) /* no connection, or waiting to reconnect */
#define STATE_SYS_DEPEND_NWK_READ_LESSDATA  (-0x0205)
#define STATE_SYS_DEPEND_NWK_WRITE_LESSDATA (-0x0206)
#define STATE_SYS_DEPEND_NWK_READ_OVERTIME  (-0x0207)
#define STATE_SYS_DEPEND_NWK_INVALID_CRED   (-0x0208)
#define STATE_SYS_DEPEND_NWK_SEND_ERR       (-0x0209)
#define STATE_SYS_DEPEND_NWK_RECV_ERR       (-0x020A)

/* The session. */
#define STATE_MQTT_BASE                                        (-0x0300)
#define STATE_MQTT_CONNACK_FMT_ERROR                           (-0x0301)
#define STATE_MQTT_CONNACK_RCODE_UNACCEPTABLE_PROTOCOL_VERSION (-0x0302)
#define STATE_MQTT_CONNACK_RCODE_SERVER_UNAVAILABLE            (-0x0303)
#define STATE_MQTT_CONNACK_RCODE_BAD_USERNAME_PASSWORD         (-0x0304)
#define STATE_MQTT_CONNACK_RCODE_NOT_AUTHORIZED                (-0x0305)
#define STATE_MQTT_CONNACK_RCODE_UNKNOWN                       (-0x0306)
#define STATE_MQTT_PUBLIST_PACKET_ID_ROLL                      (-0x0307)
#define STATE_MQTT_TOPIC_INVALID                               (-0x0308)
#define STATE_MQTT_LOG_TOPIC                                   (-0x0309)
#define STATE_MQTT_LOG_HEXDUMP                                 (-0x030A)
#define STATE_MQTT_CONNECT_SUCCESS                             (-0x030B) /* inside only */
#define STATE_MQTT_MALFORMED_REMAINING_LEN                     (-0x030C)
#define STATE_MQTT_MALFORMED_REMAINING_BYTES                   (-0x030D)
#define STATE_MQTT_PACKET_TYPE_UNKNOWN                         (-0x030E)
#define STATE_MQTT_SUBACK_RCODE_FAILURE                        (-0x030F)
#define STATE_MQTT_SUBACK_RCODE_UNKNOWN                        (-0x0310)
#define STATE_MQTT_TOPIC_COMPARE_FAILED                        (-0x0311)
#define STATE_MQTT_DEINIT_TIMEOUT                              (-0x0312)
#define STATE_MQTT_LOG_CONNECT                                 (-0x0313)
#define STATE_MQTT_LOG_RECONNECTING                            (-0x0314)
#define STATE_MQTT_LOG_CONNECT_TIMEOUT                         (-0x0315)
#define STATE_MQTT_LOG_DISCONNECT                              (-0x0316)
#define STATE_MQTT_LOG_USERNAME                                (-0x0317)
#define STATE_MQTT_LOG_PASSWORD                                (-0x0318)
#define STATE_MQTT_LOG_CLIENTID                                (-0x0319)
#define STATE_MQTT_LOG_TLS_PSK                                 (-0x031A)
#define STATE_MQTT_TOPIC_TOO_LONG                              (-0x031B)
#define STATE_MQTT_PUB_PAYLOAD_TOO_LONG                        (-0x031C)
#define STATE_MQTT_LOG_BACKUP_IP                               (-0x031D)
#define STATE_MQTT_RECV_INVALID_PINRESP_PACKET                 (-0x031E)
#define STATE_MQTT_RECV_INVALID_PUBLISH_PACKET                 (-0x031F)
#define STATE_MQTT_RECV_INVALID_PUBACK_PACKET                  (-0x0320)
/* -0x0321 to -0x0329 are of MQTT 5, which is not served. */
#define STATE_MQTT_LOG_HOST                                    (-0x032A)

/* HTTP. */
#define STATE_HTTP_BASE                    (-0x0400)
#define STATE_HTTP_STATUS_LINE_INVALID     (-0x0401)
#define STATE_HTTP_READ_BODY_FINISHED      (-0x0402)
#define STATE_HTTP_DEINIT_TIMEOUT          (-0x0403)
#define STATE_HTTP_AUTH_CODE_FAILED        (-0x0404)
#define STATE_HTTP_AUTH_NOT_FINISHED       (-0x0405)
#define STATE_HTTP_AUTH_TOKEN_FAILED       (-0x0406)
#define STATE_HTTP_NEED_AUTH               (-0x0407)
#define STATE_HTTP_RECV_NOT_FINISHED       (-0x0408)
#define STATE_HTTP_HEADER_BUFFER_TOO_SHORT (-0x0409)
#define STATE_HTTP_HEADER_INVALID          (-0x040A)
#define STATE_HTTP_LOG_SEND_HEADER         (-0x040B)
#define STATE_HTTP_LOG_SEND_CONTENT        (-0x040C)
#define STATE_HTTP_LOG_RECV_HEADER         (-0x040D)
#define STATE_HTTP_LOG_RECV_CONTENT        (-0x040E) /* demos hide this one */
#define STATE_HTTP_LOG_DISCONNECT          (-0x040F)
#define STATE_HTTP_LOG_AUTH                (-0x0410)
#define STATE_HTTP_AUTH_NOT_EXPECTED       (-0x0411)
#define STATE_HTTP_READ_BODY_EMPTY         (-0x0412)

/* The port file: sockets and TLS. */
#define STATE_PORT_BASE                           (-0x0F00)
#define STATE_PORT_INPUT_NULL_POINTER             (-0x0F01)
#define STATE_PORT_INPUT_OUT_RANGE                (-0x0F02)
#define STATE_PORT_MALLOC_FAILED                  (-0x0F03)
#define STATE_PORT_MISSING_HOST                   (-0x0F04)
#define STATE_PORT_TCP_CLIENT_NOT_IMPLEMENT       (-0x0F05)
#define STATE_PORT_TCP_SERVER_NOT_IMPLEMENT       (-0x0F06)
#define STATE_PORT_UDP_CLIENT_NOT_IMPLEMENT       (-0x0F07)
#define STATE_PORT_UDP_SERVER_NOT_IMPLEMENT       (-0x0F08)
#define STATE_PORT_NETWORK_UNKNOWN_OPTION         (-0x0F09)
#define STATE_PORT_NETWORK_UNKNOWN_SOCKET_TYPE    (-0x0F0A)
#define STATE_PORT_NETWORK_DNS_FAILED             (-0x0F0B)
#define STATE_PORT_NETWORK_SOCKET_CREATE_FAILED   (-0x0F0C)
#define STATE_PORT_NETWORK_SOCKET_CONFIG_FAILED   (-0x0F0D)
#define STATE_PORT_NETWORK_SOCKET_BIND_FAILED     (-0x0F0E)
#define STATE_PORT_NETWORK_CONNECT_TIMEOUT        (-0x0F0F)
#define STATE_PORT_NETWORK_CONNECT_FAILED         (-0x0F10)
#define STATE_PORT_NETWORK_SELECT_FAILED          (-0x0F11)
#define STATE_PORT_NETWORK_SEND_FAILED            (-0x0F12)
#define STATE_PORT_NETWORK_RECV_FAILED            (-0x0F13)
#define STATE_PORT_NETWORK_SEND_CONNECTION_CLOSED (-0x0F14)
#define STATE_PORT_NETWORK_RECV_CONNECTION_CLOSED (-0x0F15)
#define STATE_PORT_TLS_INVALID_CRED_OPTION        (-0x0F16)
#define STATE_PORT_TLS_INVALID_MAX_FRAGMENT       (-0x0F17)
#define STATE_PORT_TLS_INVALID_SERVER_CERT        (-0x0F18)
#define STATE_PORT_TLS_INVALID_CLIENT_CERT        (-0x0F19)
#define STATE_PORT_TLS_INVALID_CLIENT_KEY         (-0x0F1A)
#define STATE_PORT_TLS_SOCKET_CREATE_FAILED       (-0x0F1B)
#define STATE_PORT_TLS_SOCKET_CONNECT_FAILED      (-0x0F1C)
#define STATE_PORT_TLS_INVALID_RECORD             (-0x0F1D)
#define STATE_PORT_TLS_RECV_FAILED                (-0x0F1E)
#define STATE_PORT_TLS_SEND_FAILED                (-0x0F1F)
#define STATE_PORT_TLS_RECV_CONNECTION_CLOSED     (-0x0F20)
#define STATE_PORT_TLS_SEND_CONNECTION_CLOSED     (-0x0F21)
#define STATE_PORT_TLS_CONFIG_PSK_FAILED          (-0x0F22)
#define STATE_PORT_TLS_INVALID_HANDSHAKE          (-0x0F23)
#define STATE_PORT_DTLS_CONFIG_PSK_FAILED         (-0x0F24)
#define STATE_PORT_DTLS_HANDSHAKE_FAILED          (-0x0F25)
#define STATE_PORT_NETWORK_DTLS_CONNECT_FAILED    (-0x0F26)
#define STATE_PORT_DTLS_HANDSHAKE_IN_PROGRESS     (-0x0F27)
#define STATE_QOS_CACHE_EXCEEDS_LIMIT             (-0x0F28)

/* The layer between port file and library. */
#define STATE_ADAPTER_COMMON (-0x1000)

/*
 * Gets each line of the log: a code, and a text of at most 160 characters that ends with CR LF, as in
 * "[1700000000.123][LK-0313] connected\r\n". It may be called from any thread that calls the library. What it returns
 * is not looked at.
 */
typedef int32_t (*aiot_state_logcb_t)(int32_t code, char *message);

/* Sets the callback of the log; NULL for none. Gives STATE_SUCCESS. */
int32_t aiot_state_set_logcb(aiot_state_logcb_t handler);

#ifdef __cplusplus
}
#endif

#endif
