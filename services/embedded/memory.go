package embedded

import (
	"os"
	"strconv"
	"strings"
)

// sharedBuffers is PostgreSQL's own cache in MiB: an eighth of the memory, a
// gigabyte at most, because the hub shares its machine with other work. When
// the indexes that every record goes into no longer fit, each record costs reads
// and writes of pages.
func sharedBuffers() int { return buffersOf(memory("/proc/meminfo", "/sys/fs/cgroup/memory.max")) }

func buffersOf(mib int) int {
	if mib == 0 {
		return 256 // nobody knows
	}
	return min(max(mib/8, 128), 1024)
}

// memory is how many MiB this process may use: the machine's, or less where a
// container is given less. 0: unknown.
func memory(meminfo, limit string) int {
	total := 0
	if text, err := os.ReadFile(meminfo); err == nil {
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
				kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
				if err == nil {
					total = kib / 1024
				}
			}
		}
	}
	if text, err := os.ReadFile(limit); err == nil {
		if bytes, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil { // else "max"
			if mib := int(bytes >> 20); total == 0 || mib < total {
				total = mib
			}
		}
	}
	return total
}
