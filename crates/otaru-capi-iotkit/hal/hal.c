/* The port that the library brings for POSIX systems. Every function is weak: the application's own of that name replaces
 * it. They are C because Rust has neither weak symbols nor functions of variable arguments. */
#include "wrappers.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "infra_compat.h"

#define PORT __attribute__((weak))

PORT void *HAL_Malloc(uint32_t size)
{
    return malloc(size);
}

PORT void HAL_Free(void *ptr)
{
    free(ptr);
}

PORT void HAL_SleepMs(uint32_t ms)
{
    struct timespec left = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000L };

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

PORT uint64_t HAL_UptimeMs(void)
{
    struct timespec now = { 0, 0 };

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

PORT void HAL_Printf(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    fflush(stdout);
}

PORT int HAL_Vsnprintf(char *str, const int len, const char *fmt, va_list ap)
{
    return vsnprintf(str, len < 0 ? 0 : (size_t)len, fmt, ap);
}

PORT int HAL_Snprintf(char *str, const int len, const char *fmt, ...)
{
    va_list ap;
    int written;

    va_start(ap, fmt);
    written = HAL_Vsnprintf(str, len, fmt, ap);
    va_end(ap);
    return written;
}

PORT void *HAL_MutexCreate(void)
{
    pthread_mutex_t *mutex = malloc(sizeof *mutex);

    if (mutex != NULL && pthread_mutex_init(mutex, NULL) != 0) {
        free(mutex);
        return NULL;
    }
    return mutex;
}

PORT void HAL_MutexDestroy(void *mutex)
{
    if (mutex != NULL) {
        pthread_mutex_destroy(mutex);
        free(mutex);
    }
}

PORT void HAL_MutexLock(void *mutex)
{
    if (mutex != NULL) {
        pthread_mutex_lock(mutex);
    }
}

PORT void HAL_MutexUnlock(void *mutex)
{
    if (mutex != NULL) {
        pthread_mutex_unlock(mutex);
    }
}

PORT void HAL_Srandom(uint32_t seed)
{
    (void)seed; /* the system's own source needs none */
}

PORT uint32_t HAL_Random(uint32_t region)
{
    uint32_t number = 0;

    if (region == 0 || getentropy(&number, sizeof number) != 0) {
        return 0;
    }
    return number % region;
}

PORT int HAL_GetFirmwareVersion(char *version)
{
    static const char text[] = "app-1.0.0-20180101.1000";

    if (version == NULL) {
        return -1;
    }
    memcpy(version, text, sizeof text);
    return (int)(sizeof text - 1);
}

PORT const char *HAL_GetRootCertificate(void)
{
    return NULL;
}

/* ---- who the device is ---- */

/* Tells or asks. */
static int setting(int option, char *text)
{
    return IOT_Ioctl(option, text) == 0 ? (int)strlen(text) : -1;
}

PORT int HAL_SetProductKey(char *product_key)
{
    return setting(IOTX_IOCTL_SET_PRODUCT_KEY, product_key);
}

PORT int HAL_SetDeviceName(char *device_name)
{
    return setting(IOTX_IOCTL_SET_DEVICE_NAME, device_name);
}

PORT int HAL_SetProductSecret(char *product_secret)
{
    return setting(IOTX_IOCTL_SET_PRODUCT_SECRET, product_secret);
}

PORT int HAL_SetDeviceSecret(char *device_secret)
{
    return setting(IOTX_IOCTL_SET_DEVICE_SECRET, device_secret);
}

PORT int HAL_GetProductKey(char *product_key)
{
    return setting(IOTX_IOCTL_GET_PRODUCT_KEY, product_key);
}

PORT int HAL_GetDeviceName(char *device_name)
{
    return setting(IOTX_IOCTL_GET_DEVICE_NAME, device_name);
}

PORT int HAL_GetProductSecret(char *product_secret)
{
    return setting(IOTX_IOCTL_GET_PRODUCT_SECRET, product_secret);
}

PORT int HAL_GetDeviceSecret(char *device_secret)
{
    return setting(IOTX_IOCTL_GET_DEVICE_SECRET, device_secret);
}

/* ---- the image ---- */

static int image = -1;

PORT void HAL_Firmware_Persistence_Start(void)
{
    char path[PATH_MAX];
    const char *folder = getenv("TMPDIR");

    if (image >= 0) {
        close(image);
        image = -1;
    }
    if (folder == NULL || folder[0] == '\0') {
        folder = "/tmp";
    }
    if (snprintf(path, sizeof path, "%s/otaru_fota.bin", folder) >= (int)sizeof path) {
        return;
    }
    /* Made anew, so that nobody's link in a folder of everybody is followed. */
    unlink(path);
    image = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

PORT int HAL_Firmware_Persistence_Write(char *buffer, uint32_t length)
{
    uint32_t done = 0;

    if (image < 0 || (buffer == NULL && length > 0)) {
        return -1;
    }
    while (done < length) {
        ssize_t written = write(image, buffer + done, length - done);
        if (written < 0 && errno != EINTR) {
            return -1;
        }
        done += written > 0 ? (uint32_t)written : 0;
    }
    return 0;
}

PORT int HAL_Firmware_Persistence_Stop(void)
{
    int result = -1;

    if (image >= 0) {
        result = fsync(image);
        result = close(image) == 0 ? result : -1;
        image = -1;
    }
    return result;
}
