/* Files: what a file server and a platform that sends blocks bring a program to. */
#ifndef AIOT_CODES_FILES_H
#define AIOT_CODES_FILES_H

#include "aiot_table.h"
#include "aiot_mqtt_download_api.h"

#define RIGHT "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"
#define WRONG "05e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"

/* A link of nine bytes, with that digest. */
static void *download_of(const char *base, const char *path, char *digest)
{
    void *download = aiot_download_init(), *mqtt = aiot_mqtt_init();
    char link[256], name[] = "p1";
    uint32_t patience = 100;
    aiot_download_task_desc_t task;
    snprintf(link, sizeof(link), "%s%s", base, path);
    memset(&task, 0, sizeof(task));
    task.product_key = task.device_name = task.version = name;
    task.url = link;
    task.size_total = 9;
    task.digest_method = AIOT_OTA_DIGEST_SHA256;
    task.expect_digest = digest;
    task.mqtt_handle = mqtt;
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, &task));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RECV_TIMEOUT_MS, &patience));
    /* A download outlives the session that its task came by. */
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
    return download;
}

/* What a range ends with. */
static int32_t range(void *download, uint32_t first, uint32_t last)
{
    int32_t result;
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RANGE_START, &first));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RANGE_END, &last));
    EXPECT(STATE_SUCCESS, aiot_download_send_request(download));
    do {
        result = aiot_download_recv(download);
    } while (result >= 0);
    return result;
}

static void links(const char *base)
{
    char right[] = RIGHT, wrong[] = WRONG;
    void *download = download_of(base, "/f", right);
    PROVOKE(STATE_DOWNLOAD_FINISHED, range(download, 0, 0));
    SEEN(STATE_OTA_DIGEST_MATCH, "the same, in the log");
    EXPECT(STATE_SUCCESS, aiot_download_deinit(&download));
    download = download_of(base, "/f", wrong);
    EXPECT(STATE_DOWNLOAD_FINISHED, range(download, 0, 0));
    SEEN(STATE_OTA_DIGEST_MISMATCH, "a file with another digest, in the log");
    EXPECT(STATE_SUCCESS, aiot_download_deinit(&download));
    download = download_of(base, "/f", right);
    PROVOKE(STATE_DOWNLOAD_RANGE_FINISHED, range(download, 0, 4));
    PROVOKE(STATE_DOWNLOAD_FETCH_TOO_MANY, range(download, 4, 0));
    EXPECT(STATE_SUCCESS, aiot_download_deinit(&download));
    download = download_of(base, "/gone", right);
    PROVOKE(STATE_DOWNLOAD_HTTPRSP_CODE_ERROR, range(download, 0, 0));
    EXPECT(STATE_SUCCESS, aiot_download_deinit(&download));
    download = download_of(base, "/other", right);
    PROVOKE(STATE_DOWNLOAD_HTTPRSP_HEADER_ERROR, range(download, 0, 5));
    EXPECT(STATE_SUCCESS, aiot_download_deinit(&download));
}

/* One task in three shapes: as it is, with another digest, with another size. */
static void *block_downloads[3];

static void on_blocks_task(void *handle, const aiot_ota_recv_t *const msg, void *userdata)
{
    char wrong[] = WRONG;
    aiot_download_task_desc_t task = *msg->task_desc;
    int at;
    (void)handle;
    (void)userdata;
    for (at = 0; at < 3 && block_downloads[2] == NULL; at++) {
        block_downloads[at] = aiot_mqtt_download_init();
        if (at == 1) {
            task.expect_digest = wrong;
        } else if (at == 2) {
            task.size_total -= 1;
        }
        EXPECT(STATE_SUCCESS, aiot_mqtt_download_setopt(block_downloads[at], AIOT_MDOPT_TASK_DESC, &task));
    }
}

/* Carries a download of blocks on until it gives something else than `before`. */
static int32_t after(int32_t before, void *mqtt, void *download)
{
    int32_t result;
    do {
        aiot_mqtt_process(mqtt);
        aiot_mqtt_recv(mqtt);
        result = aiot_mqtt_download_process(download);
    } while (result == before);
    return result;
}

static void blocks(char **argv)
{
    void *mqtt = program_session(argv), *ota = aiot_ota_init();
    uint32_t patience = 100;
    char version[] = "1.0.0";
    int at;
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECV_TIMEOUT_MS, &patience));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_MQTT_HANDLE, mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_RECV_HANDLER, (void *)on_blocks_task));
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_report_version(ota, version));
    while (block_downloads[2] == NULL) {
        aiot_mqtt_recv(mqtt);
    }
    PROVOKE(STATE_MQTT_DOWNLOAD_ING, aiot_mqtt_download_process(block_downloads[0]));
    PROVOKE(STATE_MQTT_DOWNLOAD_FINISHED, after(STATE_MQTT_DOWNLOAD_ING, mqtt, block_downloads[0]));
    EXPECT(STATE_MQTT_DOWNLOAD_FINISHED, after(STATE_MQTT_DOWNLOAD_ING, mqtt, block_downloads[1]));
    EXPECT(STATE_MQTT_DOWNLOAD_ING, aiot_mqtt_download_process(block_downloads[2]));
    PROVOKE(STATE_MQTT_DOWNLOAD_FAILED_RECVERROR, after(STATE_MQTT_DOWNLOAD_ING, mqtt, block_downloads[2]));
    PROVOKE(STATE_MQTT_DOWNLOAD_FAILED_MISMATCH, aiot_mqtt_download_process(block_downloads[1]));
    PROVOKE(STATE_MQTT_DOWNLOAD_SUCCESS, aiot_mqtt_download_process(block_downloads[0]));
    for (at = 0; at < 3; at++) {
        EXPECT(STATE_SUCCESS, aiot_mqtt_download_deinit(&block_downloads[at]));
    }
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&ota));
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
}

static void blocks_that_never_come(char **argv)
{
    void *mqtt = program_session(argv), *download = aiot_mqtt_download_init();
    uint16_t answering = (uint16_t)atoi(argv[9]);
    uint32_t patience = 100;
    char name[] = "1", digest[] = RIGHT;
    aiot_download_task_desc_t task;
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_PORT, &answering));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECV_TIMEOUT_MS, &patience));
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    memset(&task, 0, sizeof(task));
    task.product_key = argv[3];
    task.device_name = argv[4];
    task.version = name;
    task.size_total = 9;
    task.digest_method = AIOT_OTA_DIGEST_SHA256;
    task.expect_digest = digest;
    task.mqtt_handle = mqtt;
    task.stream_id = task.stream_file_id = 1;
    task.protocol_type = AIOT_OTA_PROTOCOL_MQTT;
    EXPECT(STATE_SUCCESS, aiot_mqtt_download_setopt(download, AIOT_MDOPT_TASK_DESC, &task));
    PROVOKE(STATE_MQTT_DOWNLOAD_FAILED_TIMEOUT, after(STATE_MQTT_DOWNLOAD_ING, mqtt, download));
    EXPECT(STATE_SUCCESS, aiot_mqtt_download_deinit(&download));
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
}

#endif
