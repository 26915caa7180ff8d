package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/wire/pemkey"
)

// feedOf is a service with a feed of old events, to which one more comes when
// somebody waits.
func feedOf(t *testing.T, old int64) *httptest.Server {
	t.Helper()
	var mu sync.Mutex
	last := old
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer rk_test" {
			http.Error(w, "unknown key", http.StatusUnauthorized)
			return
		}
		after, _ := native.ReadFeedCursor(r.URL.Query().Get("after"))
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Query().Has("wait") && after == last {
			if last == old+3 {
				<-r.Context().Done()
				return
			}
			last++
		}
		data := []map[string]any{}
		for n := after + 1; n <= last && len(data) < 100; n++ {
			data = append(data, map[string]any{"id": fmt.Sprintf("evt_%d", n), "type": "refund.succeeded"})
			after = n
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data, "has_more": false, "next": native.FeedCursor(after)})
	}))
	t.Cleanup(server.Close)
	return server
}

func TestListenPassesOnWhatComesFromNowOn(t *testing.T) {
	service := feedOf(t, 7000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, problems bytes.Buffer
	type sent struct {
		header http.Header
		body   string
	}
	var got []sent
	developer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, sent{r.Header, string(body)})
		if len(got) == 3 {
			defer cancel()
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer developer.Close()
	e := &environment{Context: ctx, out: &out, err: &problems}
	if err := (&listenCommand{ForwardTo: developer.URL, URL: service.URL, Key: "rk_test", JSON: true}).Run(e); err != nil {
		t.Fatal(err)
	}
	secret := regexp.MustCompile(`whsec_\S+`).FindString(problems.String())
	key, err := pemkey.ParseWebhookSecret(strings.TrimSuffix(secret, ";"))
	if err != nil {
		t.Fatalf("the secret: %v in %s", err, problems.String())
	}
	if len(got) != 3 || !strings.Contains(got[0].body, "evt_7001") || !strings.Contains(got[2].body, "evt_7003") {
		t.Fatalf("sent %v", got)
	}
	for _, one := range got {
		if _, err := (pemkey.WebhookKeys{Secrets: [][]byte{key}}).Verify(one.header, []byte(one.body), time.Now()); err != nil {
			t.Errorf("a signature: %v", err)
		}
	}
	if strings.Count(out.String(), "\n") != 3 || !strings.Contains(problems.String(), "evt_7001 -> 202 Accepted") || !strings.Contains(problems.String(), "go on with --from") {
		t.Errorf("printed %s and %s", out.String(), problems.String())
	}
}

func TestListenSaysWhyAServiceRefuses(t *testing.T) {
	service := feedOf(t, 1)
	e := &environment{Context: t.Context(), out: io.Discard, err: io.Discard}
	err := (&listenCommand{URL: service.URL, Key: "rk_other", JSON: true}).Run(e)
	if err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("another key: %v", err)
	}
}
