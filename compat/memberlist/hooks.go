package memberlist

import (
	"serf/compat/internal/hooks"
	"serf/swim"
)

func init() {
	hooks.Timing = func(config any) swim.Timing { return config.(*Config).timing() }
	hooks.FillKeyring = func(config any) error { return config.(*Config).fillKeyring() }
	hooks.FollowKeyring = func(keyring any, changed func()) (stop func()) {
		return keyring.(*Keyring).follow(changed)
	}
}
