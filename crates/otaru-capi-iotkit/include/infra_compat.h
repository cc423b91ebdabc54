/* Settings, callbacks, the connection's data, the log (aliyun-iotkit-v3, sections 1.1, 4.2, 4.5). */
#ifndef OTARU_IOTKIT_INFRA_COMPAT_H
#define OTARU_IOTKIT_INFRA_COMPAT_H

#include "infra_defs.h"
#include "infra_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the log, on the standard error output ---- */

typedef enum {
    IOT_LOG_NONE = 0,
    IOT_LOG_CRIT = 1,
    IOT_LOG_ERROR = 2,
    IOT_LOG_WARNING = 3,
    IOT_LOG_INFO = 4,
    IOT_LOG_DEBUG = 5
} IOT_LogLevel;

/* Lines of this level and more urgent ones are printed. Before the first call: none. Unknown levels change nothing. */
void IOT_SetLogLevel(IOT_LogLevel level);

/* Prints what the process uses of memory, at this level. */
void IOT_DumpMemoryStats(IOT_LogLevel level);

/* ---- the connection's data ---- */

/* 48 bytes on LP64. The texts are never NULL. */
typedef struct {
    uint16_t port;
    uint8_t init;
    char *host_name;
    char *client_id;
    char *username;
    char *password;
    const char *pub_key;
} iotx_conn_info_t, *iotx_conn_info_pt;

/* Gives data to copy into iotx_mqtt_param_t: port 0 and empty texts, which IOT_MQTT_Construct replaces by its own from the
 * identity that IOT_Ioctl was told. info_ptr may be NULL.
 * Returns 0; NULL_VALUE_ERROR if one of the three is NULL or longer than 20, 32 or 64 bytes. */
int IOT_SetupConnInfo(const char *product_key, const char *device_name, const char *device_secret, void **info_ptr);

/* ---- settings ---- */

typedef enum {
    IOTX_IOCTL_SET_REGION = 0,              /* int *: iotx_mqtt_region_types_t */
    IOTX_IOCTL_GET_REGION = 1,              /* int * */
    IOTX_IOCTL_SET_MQTT_DOMAIN = 2,         /* const char *: host or host:port, at most 64 bytes */
    IOTX_IOCTL_SET_HTTP_DOMAIN = 3,         /* const char *: at most 64 bytes; changes nothing */
    IOTX_IOCTL_SET_DYNAMIC_REGISTER = 4,    /* int *: 0; 1 is not served */
    IOTX_IOCTL_GET_DYNAMIC_REGISTER = 5,    /* int * */
    IOTX_IOCTL_RECV_PROP_REPLY = 6,         /* int *: taken, changes nothing */
    IOTX_IOCTL_RECV_EVENT_REPLY = 7,        /* int *: taken, changes nothing */
    IOTX_IOCTL_SEND_PROP_SET_REPLY = 8,     /* int *: taken, changes nothing */
    IOTX_IOCTL_SET_SUBDEV_SIGN = 9,         /* not served */
    IOTX_IOCTL_GET_SUBDEV_LOGIN = 10,       /* not served */
    IOTX_IOCTL_SET_OTA_DEV_ID = 11,         /* not served */
    IOTX_IOCTL_FOTA_TIMEOUT_MS = 12,        /* int *: how long a download may bring no byte */
    IOTX_IOCTL_SET_CUSTOMIZE_INFO = 13,     /* char *: at most 80 bytes */
    IOTX_IOCTL_SET_MQTT_PORT = 14,          /* uint16_t *: of IOT_Linkkit_* */
    IOTX_IOCTL_SET_AWSS_ENABLE_INTERVAL = 15,    /* not served */
    IOTX_IOCTL_SET_AWSS_CHANNEL_INTERVAL = 16,   /* not served */
    IOTX_IOCTL_SET_PROXY_REGISTER = 17,     /* not served */
    IOTX_IOCTL_QUERY_DEVID = 18,            /* not served */
    IOTX_IOCTL_SUB_USER_TOPIC = 19,         /* not served */
    IOTX_IOCTL_SET_PRODUCT_KEY = 20,        /* char *: at most 20 bytes */
    IOTX_IOCTL_GET_PRODUCT_KEY = 21,        /* char[21] */
    IOTX_IOCTL_SET_PRODUCT_SECRET = 22,     /* char *: at most 64 bytes */
    IOTX_IOCTL_GET_PRODUCT_SECRET = 23,     /* char[65] */
    IOTX_IOCTL_SET_DEVICE_NAME = 24,        /* char *: at most 32 bytes */
    IOTX_IOCTL_GET_DEVICE_NAME = 25,        /* char[33] */
    IOTX_IOCTL_SET_DEVICE_SECRET = 26,      /* char *: at most 64 bytes */
    IOTX_IOCTL_GET_DEVICE_SECRET = 27,      /* char[65] */
    IOTX_IOCTL_SET_MODULE = 28,             /* char *: at most 64 bytes */
    IOTX_IOCTL_GET_MODULE = 29              /* char[65] */
} iotx_ioctl_option_t;

/* The older name. */
#define IOTX_IOCTL_SET_DOMAIN IOTX_IOCTL_SET_REGION

/* Tells or asks a setting. Returns 0; -1 if data is NULL, too long or no possible value, or the option is unknown or not
 * served. */
int IOT_Ioctl(int option, void *data);

/* ---- callbacks ---- */

typedef enum {
    ITE_CONNECT_SUCC = 1,
    ITE_DISCONNECTED = 3,
    ITE_SERVICE_REQUEST = 5,
    ITE_PROPERTY_SET = 7,
    ITE_REPORT_REPLY = 9,
    ITE_TRIGGER_EVENT_REPLY = 10,
    ITE_TIMESTAMP_REPLY = 11,
    ITE_INITIALIZE_COMPLETED = 14,
    ITE_FOTA = 15,
    ITE_FOTA_MODULE = 16,
    ITE_COTA = 17,
    ITE_MQTT_CONNECT_SUCC = 18,
    ITE_CLOUD_ERROR = 19,
    ITE_DYNREG_DEVICE_SECRET = 20,
    ITE_STATE_EVERYTHING = 23
} iotx_ioctl_event_t;

/* IOT_RegisterCallback(ITE_FOTA, function): a later call replaces the function, NULL takes it away. Returns 0.
 * Functions are called from within IOT_Linkkit_Connect, IOT_Linkkit_Yield and IOT_Linkkit_Query, by the thread that called
 * these; they may call every function of this library. */
#define IOT_RegisterCallback(event, callback) iotx_register_for_##event(callback)

/* The session is up (again). */
int iotx_register_for_ITE_CONNECT_SUCC(int (*callback)(void));
/* The session is gone; it comes back by itself. */
int iotx_register_for_ITE_DISCONNECTED(int (*callback)(void));
/* Properties, events, services: registered, never called. */
int iotx_register_for_ITE_SERVICE_REQUEST(int (*callback)(const int devid, const char *serviceid, const int serviceid_len,
                                                          const char *request, const int request_len, char **response,
                                                          int *response_len));
int iotx_register_for_ITE_PROPERTY_SET(int (*callback)(const int devid, const char *request, const int request_len));
int iotx_register_for_ITE_REPORT_REPLY(int (*callback)(const int devid, const int msgid, const int code, const char *reply,
                                                       const int reply_len));
int iotx_register_for_ITE_TRIGGER_EVENT_REPLY(int (*callback)(const int devid, const int msgid, const int code,
                                                              const char *eventid, const int eventid_len,
                                                              const char *message, const int message_len));
int iotx_register_for_ITE_TIMESTAMP_REPLY(int (*callback)(const char *timestamp));
/* IOT_Linkkit_Connect has done its work. */
int iotx_register_for_ITE_INITIALIZE_COMPLETED(int (*callback)(const int devid));
/* There is firmware for the device itself: type is 0. IOT_Linkkit_Query(devid, ITM_MSG_QUERY_FOTA_DATA, …) fetches it. */
int iotx_register_for_ITE_FOTA(int (*callback)(const int type, const char *version));
/* The same for a module, if its name is known. */
int iotx_register_for_ITE_FOTA_MODULE(int (*callback)(const int type, const char *version, const char *module));
/* There is a configuration: type is 0. IOT_Linkkit_Query(devid, ITM_MSG_QUERY_COTA_DATA, …) fetches it. */
int iotx_register_for_ITE_COTA(int (*callback)(const int type, const char *config_id, int config_size, const char *get_type,
                                               const char *sign, const char *sign_method, const char *url));
/* As ITE_CONNECT_SUCC, before it. */
int iotx_register_for_ITE_MQTT_CONNECT_SUCC(int (*callback)(void));
/* Registered, never called: otaru's platform has no such message. */
int iotx_register_for_ITE_CLOUD_ERROR(int (*callback)(const int code, const char *data, const char *detail));
/* Registered, never called: dynamic registration is not served. */
int iotx_register_for_ITE_DYNREG_DEVICE_SECRET(int (*callback)(const char *device_secret));
/* What goes wrong, as a negative number of the vendor's list and a text for people. */
int iotx_register_for_ITE_STATE_EVERYTHING(int (*callback)(const int state_code, const char *state_message));

#ifdef __cplusplus
}
#endif

#endif
