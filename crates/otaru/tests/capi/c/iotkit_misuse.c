/* What applications get wrong, and null everywhere: each call gives the number that the header promises, and nothing breaks.
 *
 *   iotkit_misuse HOST PORT PRODUCT_KEY DEVICE_NAME DEVICE_SECRET
 *
 * An update of 100 000 bytes must wait for the device. Prints each promise that does not hold; exit: 0 if all hold. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev_model_api.h"
#include "infra_compat.h"
#include "mqtt_api.h"
#include "ota_api.h"
#include "wrappers.h"

static int broken;
static char *const *arguments;

#define IS(call, wanted) is(#call, (long)(call), (long)(wanted))

static void is(const char *call, long found, long wanted)
{
    if (found != wanted) {
        printf("%s: %ld, not %ld\n", call, found, wanted);
        broken++;
    }
}

/* The application's own port of this one function. */
int HAL_GetFirmwareVersion(char *version)
{
    strcpy(version, "1.0.0");
    return 5;
}

/* ---- null everywhere, before there is anything ---- */

static void null_everywhere(void)
{
    char text[70] = "x", *none = NULL;
    uint32_t number = 7;
    void *nothing = NULL, *stale = &number;
    iotx_mqtt_topic_info_t message;

    memset(&message, 0, sizeof message);
    IS(IOT_SetupConnInfo(NULL, "d", "s", NULL), NULL_VALUE_ERROR);
    IS(IOT_SetupConnInfo("p", NULL, "s", NULL), NULL_VALUE_ERROR);
    IS(IOT_SetupConnInfo("p", "d", NULL, NULL), NULL_VALUE_ERROR);
    IS(IOT_SetupConnInfo("123456789012345678901", "d", "s", NULL), NULL_VALUE_ERROR);
    IS(IOT_SetupConnInfo("p", "d", "s", NULL), 0);
    for (int option = -2; option < 40; option++) {
        IS(IOT_Ioctl(option, NULL), -1);
    }
    IS(IOT_Ioctl(30, text), -1);
    IS(IOT_Ioctl(IOTX_IOCTL_SET_PRODUCT_KEY, "123456789012345678901"), -1);
    IS(IOT_Ioctl(IOTX_IOCTL_SET_CUSTOMIZE_INFO, "a=1|securemode=2"), -1);
    /* No session. */
    IS(IOT_MQTT_Construct(NULL) == NULL, 1);
    IS(IOT_MQTT_Destroy(NULL), -2);
    IS(IOT_MQTT_Destroy(&nothing), -2);
    IS(IOT_MQTT_Destroy(&stale), -2);
    IS(stale == &number, 1);
    IS(IOT_MQTT_Yield(NULL, 10), -2);
    IS(IOT_MQTT_Yield(stale, 10), -2);
    IS(IOT_MQTT_Yield(NULL, -1), -0x0113);
    IS(IOT_MQTT_CheckStateNormal(NULL), 0);
    IS(IOT_MQTT_Subscribe(NULL, "a", IOTX_MQTT_QOS0, NULL, NULL), -2);
    IS(IOT_MQTT_Subscribe_Sync(NULL, "a", IOTX_MQTT_QOS0, NULL, NULL, 10), -2);
    IS(IOT_MQTT_Unsubscribe(NULL, "a"), -2);
    IS(IOT_MQTT_Publish(NULL, "a", NULL), -2);
    IS(IOT_MQTT_Publish(NULL, "a", &message), -2);
    IS(IOT_MQTT_Publish_Simple(NULL, "a", 0, "x", 1), -2);
    /* No update. */
    IS(IOT_OTA_Init(NULL, "d", NULL) == NULL, 1);
    IS(IOT_OTA_Init("p", NULL, NULL) == NULL, 1);
    IS(IOT_OTA_Init("p", "d", NULL) == NULL, 1);
    IS(IOT_OTA_Init("p", "d", stale) == NULL, 1);
    IS(IOT_OTA_Deinit(NULL), -2);
    IS(IOT_OTA_Deinit(stale), -1);
    IS(IOT_OTA_ReportVersion(NULL, "1"), -2);
    IS(IOT_OTA_ReportVersion(stale, NULL), -2);
    IS(IOT_OTA_ReportVersion(stale, "1"), -1);
    IS(IOT_OTA_ReportProgress(NULL, IOT_OTAP_FETCH_PERCENTAGE_MIN, NULL), -2);
    IS(IOT_OTA_ReportProgress(stale, IOT_OTAP_FETCH_PERCENTAGE_MIN, NULL), -1);
    IS(IOT_OTA_IsFetching(NULL), 0);
    IS(IOT_OTA_IsFetching(stale), 0);
    IS(IOT_OTA_IsFetchFinish(NULL), 0);
    IS(IOT_OTA_FetchYield(NULL, text, sizeof text, 1), -2);
    IS(IOT_OTA_FetchYield(stale, NULL, 10, 1), -2);
    IS(IOT_OTA_FetchYield(stale, text, 0, 1), -2);
    IS(IOT_OTA_FetchYield(stale, text, sizeof text, 1), -1);
    IS(IOT_OTA_Ioctl(NULL, IOT_OTAG_OTA_TYPE, &number, 4), -2);
    IS(IOT_OTA_Ioctl(stale, IOT_OTAG_OTA_TYPE, &number, 4), -1);
    IS(IOT_OTA_GetLastError(NULL), -2);
    IS(IOT_OTA_SetOnPushedCallback(NULL, NULL), -1);
    IS(iotx_req_image(NULL, "1"), -2);
    IS(iotx_req_image(stale, NULL), -2);
    IS(iotx_ota_get_config(stale, "product", "file", none), -2);
    /* No Linkkit. */
    IS(IOT_Linkkit_Open(IOTX_LINKKIT_DEV_TYPE_MASTER, NULL), -0x010F);
    IS(IOT_Linkkit_Connect(0), -0x0903);
    IS(IOT_Linkkit_Yield(0), -0x0113);
    IS(IOT_Linkkit_Yield(1), -0x093C);
    IS(IOT_Linkkit_Query(0, ITM_MSG_QUERY_FOTA_DATA, NULL, 0), -0x0904);
    IS(IOT_Linkkit_Report(0, ITM_MSG_POST_PROPERTY, NULL, 0), -1);
    IS(IOT_Linkkit_TriggerEvent(0, NULL, 0, NULL, 0), -1);
    IS(IOT_Linkkit_Close(0), -0x0903);
    IS(IOT_RegisterCallback(ITE_FOTA, NULL), 0);
    /* The port. */
    IS(HAL_GetProductKey(NULL), -1);
    IS(HAL_Random(0), 0);
    IS(HAL_Random(1), 0);
    HAL_Free(NULL);
    HAL_MutexLock(NULL);
    HAL_MutexUnlock(NULL);
    HAL_MutexDestroy(NULL);
    IS(HAL_Snprintf(text, 4, "%d", 123456), 6);
    IS(strcmp(text, "123"), 0);
}

/* ---- settings come back as they were told ---- */

static void settings_come_back(void)
{
    char text[65];
    int number = -1, region = IOTX_CLOUD_REGION_CUSTOM;

    IS(IOT_Ioctl(IOTX_IOCTL_SET_REGION, &region), 0);
    IS(IOT_Ioctl(IOTX_IOCTL_GET_REGION, &number), 0);
    IS(number, IOTX_CLOUD_REGION_CUSTOM);
    number = 6;
    IS(IOT_Ioctl(IOTX_IOCTL_SET_REGION, &number), -1);
    /* By the names of older releases. */
    IS(HAL_SetProductKey(arguments[3]), strlen(arguments[3]));
    IS(HAL_SetDeviceName(arguments[4]), strlen(arguments[4]));
    IS(HAL_SetDeviceSecret(arguments[5]), strlen(arguments[5]));
    IS(IOT_Ioctl(IOTX_IOCTL_GET_DEVICE_NAME, text), 0);
    IS(strcmp(text, arguments[4]), 0);
    IS(IOT_Ioctl(IOTX_IOCTL_GET_DEVICE_SECRET, text), 0);
    IS(strcmp(text, arguments[5]), 0);
}

/* ---- calls from within callbacks ---- */

static int pushes, received, published;

static void heard(void *context, void *client, iotx_mqtt_event_msg_pt msg)
{
    static char said[] = "{\"id\":0,\"params\":{\"step\":\"1\",\"desc\":\"\"}}";
    char topic[128];

    IS(context == &received, 1);
    switch (msg->event_type) {
    case IOTX_MQTT_EVENT_PUBLISH_SUCCESS:
        published++;
        break;
    case IOTX_MQTT_EVENT_PUBLISH_RECEIVED:
        received++;
        break;
    case IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS:
        /* Within a callback one may say things, but not wait for more callbacks. */
        IS(IOT_MQTT_Yield(client, 10), -1);
        IS(IOT_MQTT_CheckStateNormal(client), 1);
        snprintf(topic, sizeof topic, "/ota/device/progress/%s/%s", arguments[3], arguments[4]);
        IS(IOT_MQTT_Publish_Simple(client, topic, 0, said, (int)strlen(said)), 0);
        break;
    default:
        break;
    }
}

static int on_pushed(void *ota)
{
    char byte[2];

    pushes++;
    IS(IOT_OTA_IsFetching(ota), 1);
    return IOT_OTA_FetchYield(ota, byte, 1, 1);
}

/* ---- two threads: one yields, the other fetches ---- */

static volatile int fetched_all;

static void *yields(void *mqtt)
{
    while (!fetched_all) {
        IS(IOT_MQTT_Yield(mqtt, 20), 0);
    }
    return NULL;
}

/* Fetches with buffers of every small size; what lies behind a buffer is never touched. */
static void fetch_all(void *ota)
{
    FILE *image = fopen("update.bin", "wb");
    uint32_t size = 2, eight[2] = { 0, 0 }, good = 9;
    char *text = NULL, version[4] = "abc";

    while (!IOT_OTA_IsFetchFinish(ota) && broken == 0) {
        unsigned char room[9000];
        int len;

        memset(room, 0xA5, sizeof room);
        len = IOT_OTA_FetchYield(ota, (char *)room, size, 5);
        if (len > 0) {
            IS(len < (int)size, 1);
            fwrite(room, 1, (size_t)len, image);
        }
        for (uint32_t at = size; at < sizeof room; at++) {
            if (room[at] != 0xA5) {
                IS(at, -1);
            }
        }
        size = size * 2 + 1 > 8000 ? 2 : size * 2 + 1;
        /* Too early. */
        if (!IOT_OTA_IsFetchFinish(ota)) {
            IS(IOT_OTA_Ioctl(ota, IOT_OTAG_CHECK_FIRMWARE, &good, 4), -1);
        }
    }
    fclose(image);
    IS(good, 9);
    IS(IOT_OTA_FetchYield(ota, version, sizeof version, 1), -3);
    IS(IOT_OTA_GetLastError(ota), IOT_OTAE_INVALID_STATE);
    IS(IOT_OTA_Ioctl(ota, IOT_OTAG_FILE_SIZE, eight, 8), -1);
    IS(IOT_OTA_Ioctl(ota, IOT_OTAG_FILE_SIZE, (char *)eight + 1, 4), -1);
    IS(IOT_OTA_Ioctl(ota, IOT_OTAG_FILE_SIZE, eight, 4), 0);
    IS(eight[0], 100000);
    IS(eight[1], 0);
    IS(IOT_OTA_Ioctl(ota, IOT_OTAG_VERSION, version, 3), 0);
    IS(strcmp(version, "2."), 0);
    IS(IOT_OTA_Ioctl(ota, IOT_OTAG_VERSION, NULL, 3), -2);
    IS(IOT_OTA_Ioctl(ota, IOT_OTAG_VERSION, version, 0), -2);
    IS(IOT_OTA_Ioctl(ota, IOT_OTAG_VERSION, version, -1), -2);
    IS(IOT_OTA_Ioctl(ota, (IOT_OTA_CmdType_t)99, version, 4), -1);
    IS(IOT_OTA_Ioctl(ota, IOT_OTAG_COTA_URL, &text, 8), -1);
    IS(IOT_OTA_Ioctl(ota, IOT_OTAG_CHECK_CONFIG, &good, 4), -1);
    /* Twice: the vendor's second check reads through NULL. */
    IS(IOT_OTA_Ioctl(ota, IOT_OTAG_CHECK_FIRMWARE, &good, 4), 0);
    IS(good, 1);
    IS(IOT_OTA_Ioctl(ota, IOT_OTAG_CHECK_FIRMWARE, &good, 4), 0);
    IS(good, 1);
}

static void with_a_session(void)
{
    iotx_mqtt_param_t params;
    void *mqtt, *again, *ota, *stale;
    char long_text[300], topic[128];
    pthread_t thread;
    int round;

    memset(&params, 0, sizeof params);
    params.host = arguments[1];
    params.port = (uint16_t)atoi(arguments[2]);
    params.password = "wrong";
    IS(IOT_MQTT_Construct(&params) == NULL, 1);
    params.password = NULL;
    params.pub_key = "no certificate";
    IS(IOT_MQTT_Construct(&params) == NULL, 1);
    params.pub_key = NULL;
    params.customize_info = "pid=123456,mid=abcd";
    params.handle_event.h_fp = heard;
    params.handle_event.pcontext = &received;
    mqtt = IOT_MQTT_Construct(&params);
    IS(mqtt != NULL, 1);
    again = IOT_MQTT_Construct(NULL);
    IS(again == mqtt, 1);
    IS(IOT_MQTT_CheckStateNormal(NULL), 1);

    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    IS(IOT_MQTT_Subscribe(mqtt, NULL, IOTX_MQTT_QOS0, heard, &received), -2);
    IS(IOT_MQTT_Subscribe(mqtt, "a/#/b", IOTX_MQTT_QOS0, heard, &received), -1);
    IS(IOT_MQTT_Subscribe(mqtt, long_text, IOTX_MQTT_QOS0, heard, &received), -1);
    IS(IOT_MQTT_Subscribe(mqtt, "a", (iotx_mqtt_qos_t)7, heard, &received), -1);
    IS(IOT_MQTT_Subscribe(mqtt, "/local", IOTX_MQTT_QOS3_SUB_LOCAL, heard, &received) > 0, 1);
    /* Not this device's to hear. */
    IS(IOT_MQTT_Subscribe_Sync(mqtt, "/ota/device/upgrade/other/one", IOTX_MQTT_QOS1, heard, &received, 5000), -1);
    IS(IOT_MQTT_Unsubscribe(mqtt, NULL), -2);
    IS(IOT_MQTT_Unsubscribe(mqtt, "/never"), -1);
    IS(IOT_MQTT_Unsubscribe(mqtt, "/local") > 0, 1);
    snprintf(topic, sizeof topic, "/ota/device/upgrade/%s/%s", arguments[3], arguments[4]);
    IS(IOT_MQTT_Subscribe_Sync(mqtt, topic, IOTX_MQTT_QOS1, NULL, NULL, 5000) > 0, 1);
    IS(IOT_MQTT_Unsubscribe(mqtt, topic) > 0, 1);
    IS(IOT_MQTT_Publish_Simple(mqtt, NULL, 0, "x", 1), -2);
    IS(IOT_MQTT_Publish_Simple(mqtt, "a/+", 0, "x", 1), -1);
    IS(IOT_MQTT_Publish_Simple(mqtt, topic, 2, "x", 1), -1);
    IS(IOT_MQTT_Publish_Simple(mqtt, topic, 0, NULL, 1), -2);
    IS(IOT_MQTT_Publish_Simple(mqtt, topic, 0, "x", -1), -1);
    snprintf(topic, sizeof topic, "/ota/device/inform/%s/%s", arguments[3], arguments[4]);
    IS(IOT_MQTT_Publish_Simple(mqtt, topic, 1, "{\"id\":\"7\",\"params\":{\"version\":\"1.0.0\"}}", 39) > 0, 1);

    ota = IOT_OTA_Init(arguments[3], arguments[4], mqtt);
    IS(ota != NULL, 1);
    IS(IOT_OTA_Init(arguments[3], arguments[4], mqtt) == NULL, 1);
    IS(IOT_OTA_SetOnPushedCallback(ota, on_pushed), 0);
    IS(IOT_OTA_ReportVersion(ota, NULL), -2);
    IS(IOT_OTA_ReportVersion(ota, ""), -1);
    IS(IOT_OTA_ReportVersion(ota, "123456789012345678901234567890123"), -1);
    IS(IOT_OTA_ReportProgress(ota, (IOT_OTA_Progress_t)-5, ""), -1);
    IS(IOT_OTA_ReportProgress(ota, (IOT_OTA_Progress_t)101, ""), -1);
    IS(IOT_OTA_ReportProgress(ota, (IOT_OTA_Progress_t)50, long_text), IOT_OTAE_STR_TOO_LONG);
    IS(IOT_OTA_GetLastError(ota), IOT_OTAE_STR_TOO_LONG);
    IS(iotx_ota_get_config(ota, "device", "file", ""), -1);

    for (round = 0; round < 100 && !(IOT_OTA_IsFetching(ota) && published > 0 && pushes > 0); round++) {
        IS(IOT_MQTT_Yield(mqtt, 100), 0);
    }
    /* What came before IOT_OTA_Init is not lost, and is no message of the application's. */
    IS(pushes > 0, 1);
    IS(received, 0);
    if (broken > 0) {
        return;
    }
    IS(iotx_req_image(ota, "1.0.0"), -1);
    pthread_create(&thread, NULL, yields, mqtt);
    fetch_all(ota);
    fetched_all = 1;
    pthread_join(thread, NULL);

    /* The wrong order, and everything twice. */
    stale = mqtt;
    IS(IOT_MQTT_Destroy(&mqtt), 0);
    IS(mqtt == NULL, 1);
    IS(IOT_MQTT_Destroy(&stale), -2);
    IS(IOT_MQTT_Yield(stale, 10), -2);
    IS(IOT_OTA_IsFetchFinish(ota), 1);
    IS(IOT_OTA_ReportProgress(ota, IOT_OTAP_FETCH_PERCENTAGE_MAX, NULL), IOT_OTAE_OSC_FAILED);
    IS(IOT_OTA_ReportVersion(ota, "2.0.0"), -1);
    IS(IOT_OTA_Ioctl(ota, IOT_OTAG_RESET_STATE, NULL, 0), 0);
    IS(IOT_OTA_IsFetchFinish(ota), 0);
    IS(IOT_OTA_Deinit(ota), 0);
    IS(IOT_OTA_Deinit(ota), -1);
    IS(IOT_OTA_IsFetching(ota), 0);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        return 1;
    }
    arguments = argv;
    null_everywhere();
    settings_come_back();
    with_a_session();
    return broken == 0 ? 0 : 1;
}
