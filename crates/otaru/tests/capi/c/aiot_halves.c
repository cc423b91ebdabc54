/* One thread, and a file in two halves, as the vendor's basic demo does it. Ends when the file is whole. */
#include "aiot_program.h"

static void *download, *ota;
static FILE *out;
static uint32_t half;

static void on_chunk(void *handle, const aiot_download_recv_t *packet, void *userdata)
{
    (void)userdata;
    printf("chunk %u %d\n", (unsigned)packet->data.len, (int)packet->data.percent);
    if (packet->data.percent < 0) {
        return;
    }
    fwrite(packet->data.buffer, 1, packet->data.len, out);
    EXPECT(STATE_SUCCESS, aiot_download_report_progress(handle, packet->data.percent));
}

static void on_task(void *handle, const aiot_ota_recv_t *const msg, void *userdata)
{
    uint32_t buffer = 2048;
    (void)handle;
    (void)userdata;
    if (download != NULL) {
        return;
    }
    half = msg->task_desc->size_total / 2;
    download = aiot_download_init();
    /* Everything within the handler, on the thread that receives. */
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, msg->task_desc));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RECV_HANDLER, (void *)on_chunk));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_BODY_BUFFER_MAX_LEN, &buffer));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RANGE_END, &half));
    EXPECT(STATE_SUCCESS, aiot_download_send_request(download));
}

int main(int argc, char **argv)
{
    void *mqtt;
    uint32_t patience = 100;
    int32_t result = 0;
    if (argc < 7) {
        return 2;
    }
    out = fopen("got", "wb");
    program_begin();
    mqtt = program_session(argv);
    ota = aiot_ota_init();
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_MQTT_HANDLE, mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_RECV_HANDLER, (void *)on_task));
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_report_version(ota, argv[6]));
    while (result != STATE_DOWNLOAD_FINISHED) {
        aiot_mqtt_process(mqtt);
        aiot_mqtt_recv(mqtt);
        if (download == NULL) {
            continue;
        }
        EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECV_TIMEOUT_MS, &patience));
        result = aiot_download_recv(download);
        if (result == STATE_DOWNLOAD_RANGE_FINISHED) {
            uint32_t start = half + 1, end = 0;
            printf("range finished\n");
            EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RANGE_START, &start));
            EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RANGE_END, &end));
            EXPECT(STATE_SUCCESS, aiot_download_send_request(download));
        }
    }
    printf("finished\n");
    fclose(out);
    EXPECT(STATE_SUCCESS, aiot_download_deinit(&download));
    EXPECT(STATE_SUCCESS, aiot_mqtt_disconnect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&ota));
    return 0;
}
