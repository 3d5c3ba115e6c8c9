package config

import (
	"os"

	"serf/agent/disk"
	"serf/internal/std"
)

// save replaces a file that the agent keeps, unless its present content, checked by check, is
// something else.
func save(path string, data []byte, check func([]byte) error) error {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		there, err := readFile(path, OS())
		if err == nil {
			err = check(there)
		}
		if err != nil {
			return std.Errorf("%s isn't overwritten, it has become something else: %w", path, err)
		}
	}
	return disk.Replace(path, data)
}
