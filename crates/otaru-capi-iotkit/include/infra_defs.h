/* Who the device is, and where its platform is. */
#ifndef OTARU_IOTKIT_INFRA_DEFS_H
#define OTARU_IOTKIT_INFRA_DEFS_H

#include "infra_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The longest texts, in bytes without the NUL. */
#define IOTX_PRODUCT_KEY_LEN (20)
#define IOTX_PRODUCT_SECRET_LEN (64)
#define IOTX_DEVICE_NAME_LEN (32)
#define IOTX_DEVICE_SECRET_LEN (64)
#define IOTX_FIRMWARE_VERSION_LEN (64)

/* Where the vendor's cloud is. With IOTX_IOCTL_SET_MQTT_DOMAIN a device goes to another host. */
typedef enum {
    IOTX_CLOUD_REGION_SHANGHAI = 0,
    IOTX_CLOUD_REGION_SINGAPORE = 1,
    IOTX_CLOUD_REGION_JAPAN = 2,
    IOTX_CLOUD_REGION_USA_WEST = 3,
    IOTX_CLOUD_REGION_GERMANY = 4,
    IOTX_CLOUD_REGION_CUSTOM = 5,
    IOTX_CLOUD_DOMAIN_MAX
} iotx_mqtt_region_types_t;

/* Who a device is: 184 bytes. */
typedef struct {
    char product_key[IOTX_PRODUCT_KEY_LEN + 1];
    char product_secret[IOTX_PRODUCT_SECRET_LEN + 1];
    char device_name[IOTX_DEVICE_NAME_LEN + 1];
    char device_secret[IOTX_DEVICE_SECRET_LEN + 1];
} iotx_dev_meta_info_t;

#ifdef __cplusplus
}
#endif

#endif
