/* A stand-in for NVIDIA's libnvidia-ml: what the meter asks, answered out of the file that $STUB_NVML names.
 *
 * Each line of it is a key and a whole number; without the file the driver isn't running. Calls are counted, so that
 * "lost_after 5" makes the GPU vanish at the sixth reading of its memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, UNINITIALIZED = 1, BAD = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, NOT_LOADED = 9, LOST = 15 };
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned gpu, memory; } Rates;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } Process;

static int readings;

static long long get(const char *key, long long fallback) {
    const char *path = getenv("STUB_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    char name[64];
    long long value, found = fallback;
    if (!file) return fallback;
    while (fscanf(file, "%63s %lld", name, &value) == 2)
        if (!strcmp(name, key)) found = value;
    fclose(file);
    return found;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static int lost(void) { return get("lost", 0) || (get("lost_after", -1) >= 0 && readings > get("lost_after", -1)); }

int nvmlInitWithFlags(unsigned flags) {
    readings = 0;
    return (int)get("init", getenv("STUB_NVML") ? OK : NOT_LOADED);
}
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) {
    return code == LOST ? "GPU is lost" : code == NOT_LOADED ? "Driver Not Loaded" : code == NOT_FOUND ? "Not Found" : "other";
}
int nvmlDeviceGetCount_v2(unsigned *count) { *count = (unsigned)get("count", 1); return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = (void *)(size_t)(index + 1);
    return index < get("count", 1) ? OK : BAD;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
    *device = (void *)1;
    return strcmp(uuid, "GPU-part") && !strstr(uuid, "-unknown") ? OK : NOT_FOUND;
}
int nvmlDeviceIsMigDeviceHandle(void *device, unsigned *is) { *is = (unsigned)get("mig", 0); return OK; }
int nvmlDeviceGetName(void *device, char *name, unsigned length) {
    snprintf(name, length, "Stub %d", (int)(size_t)device - 1);
    return lost() ? LOST : OK;
}
int nvmlSystemGetDriverVersion(char *version, unsigned length) { snprintf(version, length, "999.1"); return OK; }
int nvmlDeviceGetMemoryInfo(void *device, Memory *memory) {
    readings++;
    memory->total = get("total_mb", 80000) * 1000000ULL;
    memory->used = get("used_mb", 500) * 1000000ULL;
    memory->free = memory->total - memory->used;
    return lost() ? LOST : OK;
}
int nvmlDeviceGetUtilizationRates(void *device, Rates *rates) {
    rates->gpu = (unsigned)get("utilisation", 60);
    rates->memory = 0;
    return get("utilisation", 60) < 0 ? NOT_SUPPORTED : lost() ? LOST : OK;
}
int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) {
    *milliwatts = (unsigned)get("power_mw", 200000);
    return get("power_mw", 200000) < 0 ? NOT_SUPPORTED : lost() ? LOST : OK;
}
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
    *millijoules = (unsigned long long)(seconds() * get("power_mw", 200000));
    return get("counts_energy", 1) && get("power_mw", 200000) >= 0 ? lost() ? LOST : OK : NOT_SUPPORTED;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, Process *found) {
    long long own = get("own_mb", -1), other = get("other_pid", 0), here = get("own_pid", 0);
    unsigned there = (own >= 0) + (other > 0);
    if (*count < there) { *count = there; return there ? 7 : OK; }
    *count = 0;
    if (own >= 0) found[(*count)++] = (Process){(unsigned)(here ? here : (long long)getpid()), own * 1000000ULL, 0, 0};
    if (other > 0) found[(*count)++] = (Process){(unsigned)other, get("other_mb", 100) * 1000000ULL, 0, 0};
    return lost() ? LOST : OK;
}
