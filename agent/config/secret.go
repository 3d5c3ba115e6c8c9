package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"serf/agent/disk"
)

// secretMax bounds, in bytes, a file with one secret: keys have 44, tokens seldom more than 100.
const secretMax = 4 << 10

// secretFiles are the keys that name a file with a secret, and the keys that such a file replaces.
var secretFiles = []struct{ file, secret string }{
	{"encrypt_key_file", "encrypt_key"},
	{"rpc_auth_file", "rpc_auth"},
	{"http_auth_file", "http_auth"},
}

// credentialFiles are further keys whose files are looked up as those of secrets are.
var credentialFiles = []string{"rpc_tls_cert", "rpc_tls_key", "rpc_tls_client_ca",
	"http_cert", "http_key"}

// privateKeys are those of credentialFiles that are to be readable by their owner alone.
var privateKeys = []string{"rpc_tls_key", "http_key"}

// loadSecrets reads the secrets that are in files, and looks the other credentials up.
func (c *Config) loadSecrets(env Env, warnings *[]string) error {
	for _, key := range credentialFiles {
		path := c.textOf(key)
		*path = env.Credential(*path)
		if *path == "" || !slices.Contains(privateKeys, key) {
			continue
		}
		if info, err := env.Files.Stat(*path); err == nil && readableByAll(info) {
			*warnings = append(*warnings, c.Where(key)+": "+warnReadable(*path))
		}
	}
	var errs []error
	for _, s := range secretFiles {
		path, secret := c.textOf(s.file), c.textOf(s.secret)
		if *path == "" {
			continue
		}
		if *secret != "" {
			errs = append(errs, fmt.Errorf("%s: not allowed together with %s", c.Where(s.file),
				c.other(s.secret)))
			continue
		}
		text, warning, err := ReadSecret(*path, env)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Where(s.file), err))
			continue
		}
		if warning != "" {
			*warnings = append(*warnings, c.Where(s.file)+": "+warning)
		}
		*secret = text
		c.noteOrigin(s.secret, env.Credential(*path))
	}
	return errors.Join(errs...)
}

// textOf is the field of a key whose value is a text.
func (c *Config) textOf(key string) *string {
	for _, o := range options {
		if o.key == key {
			return o.field(c).(*string)
		}
	}
	panic("BUG: no option has the key " + key)
}

// credentialsVar names the folder in which systemd puts the credentials of a unit.
const credentialsVar = "CREDENTIALS_DIRECTORY"

// Credential is where the file of a credential is. A relative path begins in the folder of
// systemd's credentials, if there is one.
func (e Env) Credential(path string) string {
	if path == "" || filepath.IsAbs(path) || e.Getenv == nil {
		return path
	}
	return filepath.Join(e.Getenv(credentialsVar), path)
}

// ReadSecret returns the one line in the file at path, which is relative to $CREDENTIALS_DIRECTORY
// if that is set, and a warning if all users may read it. Neither it nor the error shows the
// secret.
func ReadSecret(path string, env Env) (secret, warning string, err error) {
	path = env.Credential(path)
	f, err := env.Files.Open(path)
	if err != nil {
		return "", "", unreadable(path, err)
	}
	defer f.Close() // it was only read
	if info, err := f.Stat(); err == nil && readableByAll(info) {
		warning = warnReadable(path)
	}
	data, err := disk.ReadAll(f, secretMax)
	if err != nil {
		return "", "", unreadable(path, err)
	}
	secret = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case Blank(secret):
		return "", "", fmt.Errorf("%s is empty, want one line with the secret", path)
	case strings.ContainsAny(secret, "\r\n"):
		return "", "", fmt.Errorf("%s has several lines, want one with the secret", path)
	}
	return secret, warning, nil
}

func warnReadable(path string) string {
	return path + " can be read by all users of this host; chmod 600 would prevent that"
}

// readableByAll is never true on Windows, where the mode doesn't tell.
func readableByAll(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0
}
