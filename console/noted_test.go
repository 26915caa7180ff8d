package console

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/refundry/refundry/telemetry"
)

// Metrics and traces know a page by its route, and no id in it.
func TestEachPageIsNotedByItsRoute(t *testing.T) {
	for pattern, route := range map[string]string{
		"GET /console/{$}": "/console/", "POST /console/refunds/{id}/{action}": "/console/refunds/{id}/{action}",
	} {
		ctx := telemetry.WithCaller(t.Context(), nil)
		served := false
		noted(pattern, func(http.ResponseWriter, *http.Request) { served = true })(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
		if got := telemetry.RouteOf(ctx, "/console/"); got != route || !served {
			t.Errorf("%s is noted as %q, served: %v", pattern, got, served)
		}
	}
}
