package egress_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/egress"
)

func TestABaseAddressHasNoQuery(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://api.pingxx.com": true, "http://127.0.0.1:8080/behind/": true, "https://10.0.0.1": true,
		"api.pingxx.com": false, "https://api.pingxx.com/?a=b": false, "https://api.pingxx.com/?": false, "ftp://api.pingxx.com": false, "": false,
	} {
		if err := egress.CheckBase(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestABareErrorHasNoAddress(t *testing.T) {
	pair := egress.NewPair(nil, time.Second)
	for _, address := range []string{"http://127.0.0.1:1/secret", "https://127.0.0.1:1/secret"} {
		response, err := pair.For(address).Get(address)
		if err == nil {
			_ = response.Body.Close()
			t.Fatalf("%s was called", address)
		}
		if bare := egress.Bare(err); strings.Contains(bare.Error(), "secret") || !errors.Is(bare, egress.ErrAddress) {
			t.Errorf("%v", bare)
		}
	}
	if err := egress.Bare(http.ErrAbortHandler); !errors.Is(err, http.ErrAbortHandler) {
		t.Errorf("%v", err)
	}
}
