package pingpp

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// That the table is complete is held by internal/tidy.
func TestEveryKindIsToldInTheEnvelope(t *testing.T) {
	// The only statuses that no client misunderstands (P4.5-1).
	allowed := []int{400, 401, 404, 405, 500, 503}
	for kind, row := range answers {
		if row.status == closeConnection {
			if kind != refund.KindUnknownOutcome {
				t.Errorf("%s closes the connection", kind)
			}
			continue
		}
		if !slices.Contains(allowed, row.status) {
			t.Errorf("%s answers %d", kind, row.status)
		}
		for _, locale := range []wire.Locale{wire.Chinese, wire.English} {
			c := &call{r: request(t), locale: locale, charge: testCharge(), requestID: "iar_x"}
			e := row.tell(c, refund.Errorf(kind, "", "detail"))
			if e.Message == "" || e.Type != wire.TypeInvalidRequest && e.Type != wire.TypeAPI {
				t.Errorf("%s in %s is told as %+v", kind, locale, e)
			}
			if (e.Type == wire.TypeAPI) != (row.status >= 500) {
				t.Errorf("%s with %d is a %s", kind, row.status, e.Type)
			}
		}
	}
}

// quiet is the log of faults that a test provokes.
var quiet = slog.New(slog.DiscardHandler)

// A refund whose fate is unknown gets no answer at all: each would be false.
func TestAnUnknownOutcomeClosesTheConnection(t *testing.T) {
	d := New(Services{Log: quiet})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.fail(&call{w: w, r: r}, refund.Errorf(refund.KindUnknownOutcome, "", "unknown"))
	}))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err == nil {
		_ = response.Body.Close()
		t.Fatalf("answered %d", response.StatusCode)
	}
}

func request(t *testing.T) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/charges/ch_x/refunds", nil)
}

func nowhere(context.Context, string) (refund.Position, bool, error) {
	return refund.Position{}, false, nil
}
