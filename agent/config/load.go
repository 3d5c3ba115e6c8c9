package config

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"serf/agent/disk"
	"serf/internal/fielderr"
	"serf/internal/std"
)

// Env is the part of the system that Load uses.
type Env struct {
	Files interface {
		Open(name string) (fs.File, error)
		ReadDir(name string) ([]fs.DirEntry, error) // sorted by name
		Stat(name string) (fs.FileInfo, error)
	}
	Hostname func() (string, error)
	Getenv   func(name string) string // nil: no variable is set
}

// OS is the Env of this process.
func OS() Env { return Env{Files: osFiles{}, Hostname: os.Hostname, Getenv: os.Getenv} }

type osFiles struct{}

func (osFiles) Open(name string) (fs.File, error)          { return os.Open(name) }
func (osFiles) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (osFiles) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }

// fileMax is more than any configuration needs, in bytes: a wrong path must not fill the memory.
const fileMax = 1 << 20

// Load returns the defaults, changed by the files that args name, in order, and then by args
// themselves. Later values win; lists append, tags merge. Warnings are for the user. The error has
// every problem found, joined, or is flag.ErrHelp.
func Load(args []string, env Env) (c Config, warnings []string, err error) {
	var named Config // only to learn which files to read
	if _, err := parseFlags(&named, args); err != nil {
		return Config{}, nil, err
	}
	c = Default()
	var errs []error
	for _, path := range named.Paths {
		if Blank(path) {
			errs = append(errs, fmt.Errorf("-config-file or -config-dir: %w", ErrBlank))
			continue
		}
		more, err := applyPath(&c, path, env)
		warnings, errs = append(warnings, more...), append(errs, err)
	}
	more, err := parseFlags(&c, args)
	if err != nil {
		return Config{}, nil, err
	}
	warnings = append(warnings, more...)
	c.LogLevel, c.LogFormat = strings.ToLower(c.LogLevel), strings.ToLower(c.LogFormat)
	warnings = append(warnings, c.adjust()...)
	errs = append(errs, c.complete(env, &warnings), c.checkFiles(env), c.Validate())
	return c, warnings, errors.Join(errs...)
}

// ReadFiles returns the settings in the files and directories at paths, without defaults. Only
// their form is checked, not whether an agent could start with them.
func ReadFiles(paths []string, env Env) (c Config, warnings []string, err error) {
	var errs []error
	for _, path := range paths {
		more, err := applyPath(&c, path, env)
		warnings, errs = append(warnings, more...), append(errs, err)
	}
	return c, warnings, errors.Join(errs...)
}

// complete fills in what the options refer to: the host's name, tags and keys.
func (c *Config) complete(env Env, warnings *[]string) error {
	var errs []error
	if c.Node == "" {
		host, err := env.Hostname()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: not set, and the host's name is unknown: %w",
				label("node_name"), err))
		}
		c.Node = host
	}
	if c.Role != "" {
		*warnings = append(*warnings, c.Where("role")+" is deprecated, use -tag role="+c.Role)
		addTag(&c.Tags, "role", c.Role)
	}
	errs = append(errs, c.loadSecrets(env, warnings))
	if c.EncryptKey != "" {
		if key, err := decodeKey(c.EncryptKey); err == nil { // Validate reports it otherwise
			c.Keys = [][]byte{key}
		}
	}
	*warnings = append(*warnings, c.useless()...)
	return errors.Join(append(errs, c.loadTags(env), c.loadKeyring(env))...)
}

// loadTags reads the tags from the tags file, if there is one yet.
func (c *Config) loadTags(env Env) error {
	if c.TagsFile == "" {
		return nil
	}
	if len(c.Tags) > 0 {
		return fmt.Errorf("%s: not allowed together with tags (-tag, -role)", c.Where("tags_file"))
	}
	data, err := readFile(c.TagsFile, env)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // written when a tag is set
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", c.Where("tags_file"), c.TagsFile, err)
	}
	c.Tags, err = ParseTags(c.TagsFile, data)
	c.noteOrigin("tags", c.TagsFile)
	return err
}

// loadKeyring reads the keys from the keyring file, which must exist: starting in plain text
// instead would silently split the cluster.
func (c *Config) loadKeyring(env Env) error {
	if c.KeyringFile == "" || c.EncryptKey != "" {
		return nil
	}
	data, err := readFile(c.KeyringFile, env)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", c.Where("keyring_file"), c.KeyringFile, err)
	}
	c.Keys, err = ParseKeyring(c.KeyringFile, data)
	return err
}

// applyPath reads a file, or the *.json files of a folder in the order of their names.
func applyPath(c *Config, path string, env Env) (warnings []string, err error) {
	info, err := env.Files.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.IsDir() {
		return applyFile(c, path, env)
	}
	entries, err := env.Files.ReadDir(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	var errs []error
	read := 0
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		switch {
		case e.IsDir() || !strings.HasSuffix(e.Name(), ".json"):
			continue
		case strings.HasPrefix(e.Name(), "."): // left behind by an editor or a copy
			warnings = append(warnings, name+" is skipped: its name begins with a dot")
			continue
		}
		// Nobody may ever write to a pipe. One that is named by itself is meant.
		if info, err := env.Files.Stat(name); err == nil && !info.Mode().IsRegular() {
			warnings = append(warnings, name+" is skipped: it isn't a regular file")
			continue
		}
		read++
		more, err := applyFile(c, name, env)
		warnings, errs = append(warnings, more...), append(errs, err)
	}
	if read == 0 {
		warnings = append(warnings, path+" has no files *.json")
	}
	return warnings, errors.Join(errs...)
}

func applyFile(c *Config, path string, env Env) (warnings []string, err error) {
	data, err := readFile(path, env)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return parseFile(c, path, data)
}

// Problems returns the single problems of an error of Load.
func Problems(err error) []error {
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return fielderr.Flatten(err)
}

// readFile reads a file of any kind: the size of a pipe or a device isn't known in advance.
func readFile(path string, env Env) ([]byte, error) {
	f, err := env.Files.Open(path)
	if err != nil {
		return nil, std.WithoutPath(err)
	}
	defer f.Close() // it was only read
	data, err := disk.ReadAll(f, fileMax)
	return data, std.WithoutPath(err)
}

func unreadable(path string, err error) error {
	return fmt.Errorf("%s: %w", path, std.WithoutPath(err))
}
