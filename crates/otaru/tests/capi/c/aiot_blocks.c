/* A file over the session, as the vendor's mota demo does it, and its misuse at the end: one more process, one more deinit. */
#include "aiot_program.h"
#include "aiot_mqtt_download_api.h"

static void *download;
static FILE *out;
static char version[65];

static void on_block(void *handle, const aiot_mqtt_download_recv_t *packet, void *userdata)
{
    (void)handle;
    (void)userdata;
    fwrite(packet->data.data_resp.data, 1, packet->data.data_resp.data_size, out);
    printf("block %u+%u of %d, %d %%\n", (unsigned)packet->data.data_resp.offset,
           (unsigned)packet->data.data_resp.data_size, (int)packet->data.data_resp.file_lenth,
           (int)packet->data.data_resp.percent);
}

static void on_task(void *handle, const aiot_ota_recv_t *const msg, void *userdata)
{
    uint32_t size = 10240;
    (void)handle;
    (void)userdata;
    if (msg->task_desc->protocol_type != AIOT_OTA_PROTOCOL_MQTT || download != NULL) {
        return;
    }
    snprintf(version, sizeof(version), "%s", msg->task_desc->version);
    download = aiot_mqtt_download_init();
    EXPECT(STATE_SUCCESS, aiot_mqtt_download_setopt(download, AIOT_MDOPT_TASK_DESC, msg->task_desc));
    EXPECT(STATE_SUCCESS, aiot_mqtt_download_setopt(download, AIOT_MDOPT_DATA_REQUEST_SIZE, &size));
    EXPECT(STATE_SUCCESS, aiot_mqtt_download_setopt(download, AIOT_MDOPT_RECV_HANDLE, (void *)on_block));
}

int main(int argc, char **argv)
{
    void *mqtt, *ota;
    uint32_t patience = 100;
    int32_t result = 0;
    if (argc < 7) {
        return 2;
    }
    out = fopen("got", "wb");
    program_begin();
    mqtt = program_session(argv);
    ota = aiot_ota_init();
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECV_TIMEOUT_MS, &patience));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_MQTT_HANDLE, mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_RECV_HANDLER, (void *)on_task));
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_report_version(ota, argv[6]));
    while (result != STATE_MQTT_DOWNLOAD_SUCCESS && result != STATE_MQTT_DOWNLOAD_FAILED_MISMATCH) {
        aiot_mqtt_process(mqtt);
        aiot_mqtt_recv(mqtt);
        if (download != NULL) {
            int32_t before = result;
            result = aiot_mqtt_download_process(download);
            if (result != before) {
                printf("-0x%04X\n", (unsigned)-result);
            }
        }
    }
    EXPECT(result, aiot_mqtt_download_process(download));
    fclose(out);
    EXPECT(STATE_SUCCESS, aiot_mqtt_download_deinit(&download));
    EXPECT(STATE_DOWNLOAD_DEINIT_HANDLE_IS_NULL, aiot_mqtt_download_deinit(&download));
    EXPECT(STATE_SUCCESS, aiot_ota_report_version(ota, version));
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&ota));
    EXPECT(STATE_SUCCESS, aiot_mqtt_disconnect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
    EXPECT(STATE_OTA_DEINIT_HANDLE_IS_NULL, aiot_ota_deinit(&ota));
    return 0;
}
