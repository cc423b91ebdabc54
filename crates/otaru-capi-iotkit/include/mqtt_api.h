/* The session with the platform (aliyun-iotkit-v3, sections 1.2, 1.4, 5).
 *
 * One session a process. A handle of NULL stands for it everywhere. Callbacks are called from within IOT_MQTT_Yield and
 * the calls that wait (IOT_MQTT_Construct, IOT_MQTT_Subscribe_Sync, IOT_OTA_Init), by the thread that called these. */
#ifndef OTARU_IOTKIT_MQTT_API_H
#define OTARU_IOTKIT_MQTT_API_H

#include "infra_compat.h"
#include "infra_defs.h"
#include "infra_types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    IOTX_MQTT_QOS0 = 0,
    IOTX_MQTT_QOS1 = 1,
    IOTX_MQTT_QOS2 = 2, /* refused when publishing, 1 when subscribing */
    IOTX_MQTT_QOS3_SUB_LOCAL = 3 /* the filter is only known here: no SUBSCRIBE is sent */
} iotx_mqtt_qos_t;

typedef enum {
    IOTX_MQTT_EVENT_UNDEF = 0,
    IOTX_MQTT_EVENT_DISCONNECT = 1,
    IOTX_MQTT_EVENT_RECONNECT = 2,
    IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS = 3, /* this and the next eight: msg is the packet id as a number */
    IOTX_MQTT_EVENT_SUBCRIBE_TIMEOUT = 4,
    IOTX_MQTT_EVENT_SUBCRIBE_NACK = 5,
    IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS = 6,
    IOTX_MQTT_EVENT_UNSUBCRIBE_TIMEOUT = 7,
    IOTX_MQTT_EVENT_UNSUBCRIBE_NACK = 8,
    IOTX_MQTT_EVENT_PUBLISH_SUCCESS = 9,
    IOTX_MQTT_EVENT_PUBLISH_TIMEOUT = 10,
    IOTX_MQTT_EVENT_PUBLISH_NACK = 11,
    IOTX_MQTT_EVENT_PUBLISH_RECEIVED = 12, /* msg is an iotx_mqtt_topic_info_t */
    IOTX_MQTT_EVENT_BUFFER_OVERFLOW = 13
} iotx_mqtt_event_type_t;

/* The older spelling. */
#define IOTX_MQTT_EVENT_PUBLISH_RECVEIVED IOTX_MQTT_EVENT_PUBLISH_RECEIVED

/* A message: 32 bytes on LP64. Topic and payload have no NUL at their end. */
typedef struct {
    uint16_t packet_id;
    uint8_t qos;
    uint8_t dup;
    uint8_t retain;
    uint16_t topic_len;
    uint32_t payload_len;
    const char *ptopic;
    const char *payload;
} iotx_mqtt_topic_info_t, *iotx_mqtt_topic_info_pt;

/* What happened: 16 bytes on LP64. It is the library's and gone when the callback returns. */
typedef struct {
    iotx_mqtt_event_type_t event_type;
    void *msg;
} iotx_mqtt_event_msg_t, *iotx_mqtt_event_msg_pt;

typedef void (*iotx_mqtt_event_handle_func_fpt)(void *pcontext, void *pclient, iotx_mqtt_event_msg_pt msg);

typedef struct {
    iotx_mqtt_event_handle_func_fpt h_fp;
    void *pcontext;
} iotx_mqtt_event_handle_t, *iotx_mqtt_event_handle_pt;

/* How to connect: 96 bytes on LP64. What is 0, NULL or empty has its default. */
typedef struct {
    uint16_t port;               /* 443 */
    const char *host;            /* the region's host */
    const char *client_id;       /* the signed one */
    const char *username;        /* the signed one */
    const char *password;        /* the signed one */
    const char *customize_info;  /* put behind the client id's own pairs */
    const char *pub_key;         /* root certificates in PEM: then MQTT goes over TLS, and https trusts these alone */
    uint8_t clean_session;       /* not looked at: each session is a clean one, and subscriptions are made again */
    uint32_t request_timeout_ms; /* 1000 to 10000, else 5000 */
    uint32_t keepalive_interval_ms; /* 30000 to 1200000, else 60000 */
    uint32_t write_buf_size;     /* not looked at: memory is taken as a packet needs it */
    uint32_t read_buf_size;      /* not looked at: packets of up to 256 KiB are taken */
    iotx_mqtt_event_handle_t handle_event; /* hears all that no subscription hears */
} iotx_mqtt_param_t, *iotx_mqtt_param_pt;

/* Connects, tells the version of HAL_GetFirmwareVersion, and returns the handle; that of the session there is, if there is
 * one. NULL if the platform cannot be reached (3 tries) or refuses, or the identity is missing. NULL parameters are all
 * defaults. */
void *IOT_MQTT_Construct(iotx_mqtt_param_t *pInitParams);

/* Says good-bye and sets *phandle to NULL. Returns 0; -2 if there is no session. */
int IOT_MQTT_Destroy(void **phandle);

/* Reads for that time in milliseconds (0: 10), keeps the session alive, opens it again if it broke, and calls callbacks.
 * Returns 0; -0x0113 if the time is negative, -2 if there is no session, -1 when called from within a callback. */
int IOT_MQTT_Yield(void *handle, int timeout_ms);

/* 1 if the session is up, else 0. */
int IOT_MQTT_CheckStateNormal(void *handle);

/* Subscribes; a callback of NULL is the client's own. Returns the packet's id, above 0; -2 for NULL or no session, -1 for a
 * filter that is none or too long (128), or while there is no connection. */
int IOT_MQTT_Subscribe(void *handle, const char *topic_filter, iotx_mqtt_qos_t qos,
                       iotx_mqtt_event_handle_func_fpt topic_handle_func, void *pcontext);

/* The same, waiting for the platform's answer. Returns as IOT_MQTT_Subscribe; -1 too if it refused or did not answer. */
int IOT_MQTT_Subscribe_Sync(void *handle, const char *topic_filter, iotx_mqtt_qos_t qos,
                            iotx_mqtt_event_handle_func_fpt topic_handle_func, void *pcontext, int timeout_ms);

/* Ends a subscription. Returns as IOT_MQTT_Subscribe; -1 too if there is none of that filter. */
int IOT_MQTT_Unsubscribe(void *handle, const char *topic_filter);

/* Publishes topic_msg->payload with topic_msg->qos. Returns the packet's id for QoS 1, 0 for QoS 0; -2 for NULL or no session,
 * -0x031C if 10 messages wait already, -1 for QoS 2, a bad topic, too long a message, or QoS 0 while there is no connection. */
int IOT_MQTT_Publish(void *handle, const char *topic_name, iotx_mqtt_topic_info_pt topic_msg);

/* The same with the parts that matter. */
int IOT_MQTT_Publish_Simple(void *handle, const char *topic_name, int qos, void *data, int len);

#ifdef __cplusplus
}
#endif

#endif
