package server_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/server"
)

func TestMetricsAndProfilesAreServedApart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "refundry_up 1\n") })
	go func() { ended <- server.RunAdmin(ctx, listener, metrics, slog.New(slog.DiscardHandler)) }()
	for path, want := range map[string]string{
		"/metrics": "refundry_up 1", "/debug/pprof/": "goroutine", "/debug/pprof/heap?debug=1": "heap profile", "/refundry/v1/merchant": "404",
	} {
		answer, err := http.Get("http://" + listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || !strings.Contains(answer.Status+string(text), want) {
			t.Errorf("%s: %s, %v", path, answer.Status, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
