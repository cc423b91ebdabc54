/* The session with the platform (jd-iot-engine, section 3.2). Names, order of arguments and the types of subscriptions are JD's.
 * JD published no layout of what a callback gets and no number of an event: those here are the ones of the SDK that JD's is
 * modelled on (aliyun-iotkit-v3, section 5). */
#ifndef OTARU_JD_IOT_MQTT_H
#define OTARU_JD_IOT_MQTT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What there is to subscribe to. */
typedef enum {
    MQTT_SUB_TYPE_PROPERTY_REPLY,
    MQTT_SUB_TYPE_EVENT_REPLY,
    MQTT_SUB_TYPE_SERVICE,
    MQTT_SUB_TYPE_SHADOW_UPDATE,
    MQTT_SUB_TYPE_DEVICE_UPDATE_SHADOW_REPLY,
    MQTT_SUB_TYPE_GET_SHADOW_REPLY,
    MQTT_SUB_DYNAMIC_AUTH,
    MQTT_SUB_TYPE_OTA_FIRMWARE_GET_INF_REPLY /* the answer to iot_ota_get_firmware_info; the only one of this library */
} iot_mqtt_sub_t;

/* What happened. */
typedef enum {
    IOT_MQTT_EVENT_UNDEF,
    IOT_MQTT_EVENT_DISCONNECT,
    IOT_MQTT_EVENT_RECONNECT,
    IOT_MQTT_EVENT_SUBCRIBE_SUCCESS,
    IOT_MQTT_EVENT_SUBCRIBE_TIMEOUT,
    IOT_MQTT_EVENT_SUBCRIBE_NACK,
    IOT_MQTT_EVENT_UNSUBCRIBE_SUCCESS,
    IOT_MQTT_EVENT_UNSUBCRIBE_TIMEOUT,
    IOT_MQTT_EVENT_UNSUBCRIBE_NACK,
    IOT_MQTT_EVENT_PUBLISH_SUCCESS,
    IOT_MQTT_EVENT_PUBLISH_TIMEOUT,
    IOT_MQTT_EVENT_PUBLISH_NACK,
    IOT_MQTT_EVENT_PUBLISH_RECEIVED,
    IOT_MQTT_EVENT_BUFFER_OVERFLOW
} iot_mqtt_event_type_t;

/* A message. Texts do not end with a NUL. */
typedef struct {
    uint16_t packet_id;
    uint8_t qos;
    uint8_t dup;
    uint8_t retain;
    uint16_t topic_len;
    uint32_t payload_len;
    const char *ptopic;
    const char *payload;
} iot_mqtt_topic_info_t, *iot_mqtt_topic_info_pt;

typedef struct {
    iot_mqtt_event_type_t event_type;
    void *msg; /* an iot_mqtt_topic_info_t of IOT_MQTT_EVENT_PUBLISH_RECEIVED, NULL of all others */
} iot_mqtt_event_msg_t, *iot_mqtt_event_msg_pt;

/* Called within iot_mqtt_yield, or within iot_ota_fetch_yield while no thread is in the former; what it gets is gone when it
 * returns. It may call this library itself. */
typedef void (*iot_mqtt_event_handle_func_fpt)(void *pcontext, void *pclient, iot_mqtt_event_msg_pt msg);

typedef struct {
    iot_mqtt_event_handle_func_fpt h_fp; /* or NULL */
    void *pcontext;
} iot_mqtt_event_handle_t;

typedef struct {
    uint16_t port;
    const char *host;
    /* The login, or NULL for all three: it is made of hal_get_product_key, hal_get_identifier and hal_get_device_secret. */
    const char *client_id;
    const char *username;
    const char *password;
    char *pub_key;         /* PEM: the only certificates that the platform's may lead to; NULL for a session without TLS */
    uint8_t clean_session; /* every session is a clean one */
    uint32_t request_timeout_ms;    /* 1000 to 10000, else 5000 */
    uint32_t keepalive_interval_ms; /* 30000 to 1200000, else 60000 */
    uint32_t write_buf_size;        /* both sizes: buffers grow as needed, to a bound of the library's own */
    uint32_t read_buf_size;
    iot_mqtt_event_handle_t handle_event; /* connection lost and back, and messages that no subscription is for */
} iot_mqtt_param_t, *iot_mqtt_param_pt;

/* What the application may define (section 3.2): each writes a text of at most 255 bytes and a NUL. The library calls those it
 * needs for a login; one that is not there is as good as one that writes nothing. */
int hal_get_product_key(char *product_key);
int hal_get_identifier(char *identifier);
int hal_get_device_secret(char *device_secret);

/* Connects and logs in. Returns the client, or NULL. */
void *iot_mqtt_construct(iot_mqtt_param_t *params);
/* Says good-bye. Takes the client, or the address of the variable that holds it, which becomes NULL. Returns 0; -1 if there is
 * no such client (any more). */
int iot_mqtt_destroy(void *client);
/* Receives for timeout_ms, calls back, keeps the session alive, and comes back after a loss, which may take request_timeout_ms
 * longer. Returns 0; -1 if there is no such client. */
int iot_mqtt_yield(void *client, int timeout_ms);
/* Returns 1 while there is a session, else 0. */
int iot_mqtt_check_state_normal(void *client);
/* Has the callback get every message of that type for that device. Returns 0; below 0 if it cannot be. */
int iot_mqtt_subscribe_router(void *client, iot_mqtt_sub_t type, const char *product_key, const char *device_id,
                              iot_mqtt_event_handle_func_fpt callback, void *context);
/* Ends a subscription to that topic. Returns 0; below 0 if there is none. */
int iot_mqtt_unsubscribe(void *client, const char *topic);
/* A number for a message, never the same twice in a row. */
uint32_t iot_mqtt_generate_msgid(void);

#ifdef __cplusplus
}
#endif

#endif
