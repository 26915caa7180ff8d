package service

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

func TestUncleanAddressesReachTheirDialect(t *testing.T) {
	s, err := Start(t.Context(), Options{
		Database: "sqlite:" + filepath.Join(t.TempDir(), "refundry.db"), Data: t.TempDir(), Demo: true, Log: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for _, address := range []string{
		"/v1//charges", "/v1/charges//refunds", "//v1/charges", "/v1/./charges", "/v3//refund/domestic/refunds", "/v3/refund/../x",
		"/api_v1//merchant", "/v1/charges//", "/v1//", "/v1/charges/..", "/v3//", "/v3/x/..", "/wallet//", "/refundry//", "/refundry/v1/charges//",
	} {
		answer := httptest.NewRecorder()
		s.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("{}")))
		if answer.Code < 400 || answer.Code >= 500 || !strings.Contains(answer.Header().Get("Content-Type"), "json") {
			t.Errorf("%s answered %d, %s: %s", address, answer.Code, answer.Header().Get("Content-Type"), answer.Body)
		}
	}
	for address, status := range map[string]int{"/healthz": 200, "//healthz": 307, "/unknown//address": 307} {
		answer := httptest.NewRecorder()
		s.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))
		if answer.Code != status {
			t.Errorf("%s answered %d", address, answer.Code)
		}
	}
}

func TestTheDocumentationObeysTheConsolesPolicy(t *testing.T) {
	s := start(t, Options{Database: "sqlite:" + filepath.Join(t.TempDir(), "refundry.db"), Data: t.TempDir()})
	policy := func(address string) string {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))
		if w.Code != http.StatusOK {
			t.Errorf("%s answers %d", address, w.Code)
		}
		return w.Header().Get("Content-Security-Policy")
	}
	docs := policy("/docs/operations/install")
	if docs == "" || docs != policy("/console/login") {
		t.Errorf("the documentation's policy is %q, the console's %q", docs, policy("/console/login"))
	}
}
