package driver

import (
	"testing"

	"serf/swim"
	"serf/wire"
)

func TestOnlyExchangesOfStateAreTimed(t *testing.T) {
	for _, tc := range []struct {
		stream swim.StreamOut
		want   bool
	}{
		{swim.StreamOut{Kind: swim.StreamCall, Data: []byte{byte(wire.TypePushPull)}}, true},
		{swim.StreamOut{Kind: swim.StreamCall, Data: []byte{byte(wire.TypePing)}}, false},
		{swim.StreamOut{Kind: swim.StreamSend, Data: []byte{byte(wire.TypePushPull)}}, false},
		{swim.StreamOut{Kind: swim.StreamCall}, false},
	} {
		if got := isPushPull(&tc.stream); got != tc.want {
			t.Errorf("%+v: %v", tc.stream, got)
		}
	}
}
