package console

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/refundry/refundry/refund"
)

// A provider that hangs is asked once for all who wait, and nobody waits longer than
// their own request lives.
func TestAHangingProviderIsAskedOnceAndKeepsNobody(t *testing.T) {
	var calls atomic.Int64
	begun := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			close(begun)
		}
		<-r.Context().Done()
	}))
	defer hangs.Close()
	o := newProvider(OIDC{Issuer: hangs.URL}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	ask := func(ctx context.Context) {
		var fault *refund.Error
		if _, err := o.get(ctx); !errors.As(err, &fault) || fault.Kind != refund.KindBusy {
			t.Errorf("it is answered %v", err)
		}
	}
	all.Go(func() { ask(ctx) })
	<-begun
	over, stop := context.WithCancel(t.Context())
	stop()
	for range 20 {
		ask(over) // returns, though the first still waits
	}
	end()
	all.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}
