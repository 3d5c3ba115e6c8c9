package config

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// secretsEnv is fakeEnv with a folder of credentials, and one file that all users can read.
func secretsEnv(files map[string]string, credentials string) Env {
	env := fakeEnv(files)
	env.Files.(localFS).MapFS["open"] = &fstest.MapFile{Data: []byte("secret"), Mode: 0o604}
	env.Getenv = func(name string) string {
		if name != credentialsVar {
			return ""
		}
		return credentials
	}
	return env
}

func TestReadSecret(t *testing.T) {
	for _, tc := range []struct{ name, content, want, problem string }{
		{"as it is", "a secret", "a secret", ""},
		{"with the newline of an editor", "secret\n", "secret", ""},
		{"with that of Windows", "secret\r\n", "secret", ""},
		{"spaces are part of it", " secret ", " secret ", ""},
		{"as long as may be", strings.Repeat("x", secretMax), strings.Repeat("x", secretMax), ""},
		{"longer", strings.Repeat("x", secretMax+1), "", "f: more than 4096 bytes"},
		{"empty", "", "", "f is empty, want one line with the secret"},
		{"only a newline", "\n", "", "f is empty, want one line with the secret"},
		{"another line", "secret\n\n", "", "f has several lines, want one with the secret"},
		{"a comment", "# token\nsecret\n", "", "f has several lines, want one with the secret"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, warning, err := ReadSecret("f", fakeEnv(map[string]string{"f": tc.content}))
			if got != tc.want || warning != "" {
				t.Errorf("%q, warning %q", got, warning)
			}
			if d := cmp.Diff(tc.problem, strings.Join(texts(err), "\n")); d != "" {
				t.Error(d)
			}
		})
	}
}

// A relative path begins in the folder of credentials, where there is one, and nowhere else.
func TestSecretsAreCredentials(t *testing.T) {
	dir := filepath.Join("run", "credentials", "serf.service")
	env := secretsEnv(map[string]string{"run/credentials/serf.service/rpc": "from systemd\n", "rpc": "from here\n", "here": "x"}, dir)
	c, _, err := Load([]string{"-rpc-auth-file=rpc"}, env)
	if err != nil || c.RPCAuth != "from systemd" {
		t.Errorf("token %q, error %v", c.RPCAuth, err)
	}
	_, _, err = Load([]string{"-rpc-auth-file=here"}, env)
	wantProblem(t, err, "-rpc-auth-file: "+filepath.Join(dir, "here")+": file does not exist")

	path, err := filepath.Abs("rpc")
	if got := env.Credential(path); err != nil || got != path {
		t.Errorf("%s became %s", path, got)
	}
	if c, _, err = Load([]string{"-rpc-auth-file=rpc"}, secretsEnv(map[string]string{"rpc": "from here"}, "")); err != nil || c.RPCAuth != "from here" {
		t.Errorf("without credentials: token %q, error %v", c.RPCAuth, err)
	}
}

// Messages name the file and never show what is in it.
func TestProblemsOfSecrets(t *testing.T) {
	files := map[string]string{"bad": "not-a-key", "key": "MDEyMzQ1Njc4OWFiY2RlZg==", "ring": `["MDEyMzQ1Njc4OWFiY2RlZg=="]`,
		"c.json": `{"rpc_auth": "x", "rpc_auth_file": "key"}`}
	for _, tc := range []struct{ args, want string }{
		{"-encrypt-key-file=bad", "bad: encrypt_key: not base64; want the base64 of 16, 24 or 32 bytes, as serf keygen prints"},
		{"-encrypt-key-file=gone", "-encrypt-key-file: gone: file does not exist"},
		{"-encrypt-key-file=key -encrypt=MDEyMzQ1Njc4OWFiY2RlZg==", "-encrypt-key-file: not allowed together with encrypt_key (-encrypt)"},
		{"-encrypt-key-file=key -keyring-file=ring", "key: encrypt_key: not allowed together with keyring_file (-keyring-file)"},
		{"-config-file=c.json", "c.json:1:19: rpc_auth_file: not allowed together with rpc_auth (c.json:1:2)"},
	} {
		_, _, err := Load(strings.Fields(tc.args), fakeEnv(files))
		if d := cmp.Diff([]string{tc.want}, texts(err)); d != "" {
			t.Error(tc.args, d)
		}
	}
}

func TestSecretThatAllCanRead(t *testing.T) {
	_, warnings, err := Load([]string{"-rpc-auth-file=open"}, secretsEnv(nil, ""))
	var want []string
	if runtime.GOOS != "windows" { // where the mode doesn't tell
		want = []string{"-rpc-auth-file: open can be read by all users of this host; chmod 600 would prevent that"}
	}
	if d := cmp.Diff(want, warnings); d != "" || err != nil {
		t.Error(err, d)
	}
}

// A secret that was replaced in its file is like another one in the configuration.
func TestReplacedSecretNeedsRestart(t *testing.T) {
	read := func(secret string) *Config {
		c, _, err := Load([]string{"-rpc-auth-file=f"}, fakeEnv(map[string]string{"f": secret}))
		if err != nil {
			t.Fatal(err)
		}
		return &c
	}
	if d := cmp.Diff([]string{"rpc_auth"}, NeedRestart(read("old"), read("new"))); d != "" {
		t.Error(d)
	}
}
