package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"serf/agent/disk"
	"serf/internal/std"
)

// kept is a file that the agent writes.
type kept struct{ key, path string }

// keptFiles are the files that the agent will write.
func (c *Config) keptFiles() (files []kept) {
	for _, f := range []kept{{"snapshot_path", c.Snapshot}, {"tags_file", c.TagsFile},
		{"keyring_file", c.KeyringFile}, {"log_file", c.LogFile}} {
		if f.path != "" {
			files = append(files, f)
		}
	}
	return files
}

// checkFiles finds files that are given for two purposes, one of which is to be written.
func (c *Config) checkFiles(env Env) error {
	var errs []error
	files := c.keptFiles()
	for i, f := range files {
		for _, other := range files[:i] {
			if same(f.path, other.path, env) {
				errs = append(errs, fmt.Errorf("%s: %s is the file of %s, too", c.Where(f.key),
					f.path, c.Where(other.key)))
			}
		}
		for _, path := range c.Paths {
			if same(f.path, path, env) || strings.HasSuffix(f.path, ".json") &&
				same(filepath.Dir(f.path), path, env) {
				errs = append(errs, fmt.Errorf("%s: %s is read as configuration, too, by way of %s",
					c.Where(f.key), f.path, path))
			}
		}
	}
	return errors.Join(errs...)
}

// same reports whether two paths lead to the same file or directory, or will when it is made.
func same(a, b string, env Env) bool {
	absA, errA := filepath.Abs(a)
	absB, errB := filepath.Abs(b)
	if errA == nil && errB == nil && absA == absB {
		return true
	}
	infoA, errA := env.Files.Stat(a)
	infoB, errB := env.Files.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// Locks keep other agents from the files that this one writes.
type Locks []*disk.Lock

// Lock locks the files of tags and keys; the snapshot locks its own, and a log may be shared. The
// error says that another agent uses one of them. A file that can't be locked is a warning: it
// can't be written either.
func (c *Config) Lock() (locks Locks, warnings []string, err error) {
	for _, f := range c.keptFiles() {
		if f.key == "snapshot_path" || f.key == "log_file" {
			continue
		}
		l, err := disk.LockFile(f.path)
		if errors.Is(err, disk.ErrInUse) {
			locks.Release()
			return nil, nil, fmt.Errorf("%s: %s: %w", c.Where(f.key), f.path, err)
		}
		if err != nil {
			warnings = append(warnings, fmt.Sprintf(
				"%s: what is changed at run time will be lost with a restart, as %s can't be "+
					"written: %v",
				c.Where(f.key), f.path, std.WithoutPath(err)))
		}
		locks = append(locks, l)
	}
	return locks, warnings, nil
}

// Release releases the locks. It may be called again.
func (l Locks) Release() {
	for _, lock := range l {
		lock.Release()
	}
}
