package main

import "testing"

func TestTheHealthcheckAsksThisMachine(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080/healthz",
		"0.0.0.0:8080":   "http://localhost:8080/healthz",
		"[::]:8080":      "http://localhost:8080/healthz",
		":8080":          "http://localhost:8080/healthz",
		"10.1.2.3:80":    "http://10.1.2.3:80/healthz",
	} {
		command := healthcheckCommand{Listen: listen}
		if got, err := command.url(); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", listen, got, err, want)
		}
	}
}
