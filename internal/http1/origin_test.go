package http1

import "testing"

func TestIsOrigin(t *testing.T) {
	for text, want := range map[string]bool{
		"https://a.example": true, "http://[::1]:8080": true, "app://x": true,
		"": false, "a.example": false, "://a": false, "https://": false, "https://:80": false,
		"https://a.example/": false, "https://u@a.example": false, "https://*.example": false,
		"https://a.example?q": false, "null": false, "HTTPS://a.example": false,
	} {
		if got := IsOrigin(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
