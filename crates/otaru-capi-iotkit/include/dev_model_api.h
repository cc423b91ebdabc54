/* Updates and remote configuration by one call each (aliyun-iotkit-v3, section 4).
 *
 *   IOT_Linkkit_Open, IOT_RegisterCallback(ITE_FOTA, f), IOT_Linkkit_Connect, IOT_Linkkit_Yield for ever;
 *   in f: IOT_Linkkit_Query(devid, ITM_MSG_QUERY_FOTA_DATA, buffer, size) is 0 if the image was written by
 *   HAL_Firmware_Persistence_* and is good.
 *
 * Properties, events and services are not served. */
#ifndef OTARU_IOTKIT_DEV_MODEL_API_H
#define OTARU_IOTKIT_DEV_MODEL_API_H

#include "infra_compat.h"
#include "infra_defs.h"
#include "infra_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The device itself. */
#define IOTX_LINKKIT_DEVID_MASTER (0)

typedef enum {
    IOTX_LINKKIT_DEV_TYPE_MASTER = 0,
    IOTX_LINKKIT_DEV_TYPE_SLAVE = 1, /* not served */
    IOTX_LINKKIT_DEV_TYPE_MAX
} iotx_linkkit_dev_type_t;

/* 184 bytes: as iotx_dev_meta_info_t. */
typedef iotx_dev_meta_info_t iotx_linkkit_dev_meta_info_t;

typedef enum {
    ITM_MSG_POST_PROPERTY = 0,
    ITM_MSG_DEVICEINFO_UPDATE = 1,
    ITM_MSG_DEVICEINFO_DELETE = 2,
    ITM_MSG_POST_RAW_DATA = 3,
    ITM_MSG_LOGIN = 4,
    ITM_MSG_LOGOUT = 5,
    ITM_MSG_DELETE_TOPO = 6,
    ITM_MSG_QUERY_TIMESTAMP = 7,
    ITM_MSG_QUERY_TOPOLIST = 8,
    ITM_MSG_QUERY_FOTA_DATA = 9,     /* Query: a working buffer */
    ITM_MSG_QUERY_COTA_DATA = 10,    /* Query: a working buffer */
    ITM_MSG_REQUEST_COTA = 11,       /* Query: nothing */
    ITM_MSG_REQUEST_FOTA_IMAGE = 12, /* Query: the version that runs, at most 32 bytes */
    ITM_MSG_REPORT_SUBDEV_FIRMWARE_VERSION = 13,
    ITM_MSG_PROPERTY_DESIRED_GET = 14,
    ITM_MSG_PROPERTY_DESIRED_DELETE = 15,
    ITM_MSG_POST_HISTORY_DATA = 16,
    IOTX_LINKKIT_MSG_MAX = 17
} iotx_linkkit_msg_type_t;

/* Takes the identity. Returns 0, which is the device's number; -0x010F for NULL, -0x0901 if it is open already, -0x0111 for a
 * bad type, -1 for a slave. */
int IOT_Linkkit_Open(iotx_linkkit_dev_type_t dev_type, iotx_linkkit_dev_meta_info_t *meta_info);

/* Connects, tells the version, listens for updates. Returns 0; -0x0902 if it is connected already, -0x0903 if it is not
 * open, -0x090F if it cannot connect. */
int IOT_Linkkit_Connect(int devid);

/* Reads for that time and calls callbacks. Returns 0; -0x0113 for 0 and less, -0x093C (after that time) if it is not
 * connected, -1 when called from within a callback. */
int IOT_Linkkit_Yield(int timeout_ms);

/* Ends everything. Returns 0; -0x093D while another call is at work, -0x0903 if it is not open. */
int IOT_Linkkit_Close(int devid);

/* Not served: returns -1. */
int IOT_Linkkit_Report(int devid, iotx_linkkit_msg_type_t msg_type, unsigned char *payload, int payload_len);

/* Fetches or asks, by msg_type. Returns 0; -0x0113 for a buffer of NULL, -0x0904 if it is not connected, -0x0919 without a
 * task of that kind, -0x091A if the download was given up, -0x0918 if the digest is wrong, -0x020F if
 * HAL_Firmware_Persistence_Write failed, -1 for what is not served. */
int IOT_Linkkit_Query(int devid, iotx_linkkit_msg_type_t msg_type, unsigned char *payload, int payload_len);

/* Not served: returns -1. */
int IOT_Linkkit_TriggerEvent(int devid, char *eventid, int eventid_len, char *payload, int payload_len);

#ifdef __cplusplus
}
#endif

#endif
