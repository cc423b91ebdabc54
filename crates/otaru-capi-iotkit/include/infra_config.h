/* What this library has, in the words of iotkit-embedded's build options (aliyun-iotkit-v3, section 1.7).
 * Applications ask for them with #ifdef. Taking one away changes nothing in the library. */
#ifndef OTARU_IOTKIT_INFRA_CONFIG_H
#define OTARU_IOTKIT_INFRA_CONFIG_H

/* MQTT: mqtt_api.h. */
#define MQTT_COMM_ENABLED
/* Updates: ota_api.h. */
#define OTA_ENABLED
/* Messages about updates go over MQTT (2 would be CoAP). */
#define OTA_SIGNAL_CHANNEL (1)
/* IOT_Linkkit_*: dev_model_api.h. Updates and remote configuration of it; properties, events and services are not served. */
#define DEVICE_MODEL_ENABLED
/* TLS, where the application brings a root certificate: iotx_mqtt_param_t.pub_key or HAL_GetRootCertificate. */
#define SUPPORT_TLS
/* The login says that nothing needs to be subscribed to. */
#define MQTT_AUTO_SUBSCRIBE

#endif
