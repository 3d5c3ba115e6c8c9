package config

import (
	"encoding/json"
	"fmt"
	"os"

	"serf/agent/disk"
)

// indented is the content of a file that the agent keeps.
func indented(v any) []byte {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("BUG: texts don't marshal: " + err.Error())
	}
	return append(data, '\n')
}

// save replaces a file that the agent keeps, unless its present content, checked by check, is
// something else.
func save(path string, data []byte, check func([]byte) error) error {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		there, err := readFile(path, OS())
		if err == nil {
			err = check(there)
		}
		if err != nil {
			return fmt.Errorf("%s isn't overwritten, it has become something else: %w", path, err)
		}
	}
	return disk.Replace(path, data)
}
