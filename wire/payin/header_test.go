package payin

import (
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

func base64Of(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

func goodHeader() map[string][]string {
	header := map[string][]string{}
	Authenticate("AK1", "s", QueryOrder, "/orders/M1", time.Unix(1690344393, 0)).Set(header)
	return header
}

func TestHeadersThatAreRefused(t *testing.T) {
	tests := []struct {
		name, header string
		values       []string
	}{
		{"no signature", HeaderSignature, nil},
		{"a signature of another length", HeaderSignature, []string{"YWJj"}},
		{"two signatures, the first a good one", HeaderSignature, append(goodHeader()[HeaderSignature], "x")},
		{"no key", HeaderKey, nil},
		{"an empty key", HeaderKey, []string{""}},
		{"a key with a blank", HeaderKey, []string{"a b"}},
		{"an endless key", HeaderKey, []string{strings.Repeat("a", 129)}},
		{"a timestamp in words", HeaderTimestamp, []string{"now"}},
		{"a timestamp with a sign", HeaderTimestamp, []string{"+1690344393"}},
		{"a timestamp with decimals", HeaderTimestamp, []string{"1690344393.5"}},
		{"a timestamp in milliseconds and more", HeaderTimestamp, []string{"169034439300"}},
		{"another method", HeaderSignMethod, []string{"hmacsha256"}},
		{"no method", HeaderSignMethod, nil},
		{"another version", HeaderSignVersion, []string{"2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header := maps.Clone(goodHeader())
			header[test.header] = test.values
			_, err := ReadAuthentication(header)
			if !errors.Is(err, ErrHeader) || !strings.Contains(err.Error(), test.header) {
				t.Errorf("got %v, want ErrHeader for %s", err, test.header)
			}
		})
	}
}

func TestTimestampsMayBeFiveMinutesAway(t *testing.T) {
	now := time.Unix(1690344393, 999)
	tests := []struct {
		name, timestamp string
		want            error
	}{
		{"now", "1690344393", nil},
		{"300 seconds early", "1690344093", nil},
		{"301 seconds early", "1690344092", ErrTimestamp},
		{"300 seconds late", "1690344693", nil},
		{"301 seconds late", "1690344694", ErrTimestamp},
		{"zero", "0", ErrTimestamp},
		{"the far future", "99999999999", ErrTimestamp},
		{"no number", "", ErrTimestamp},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := (Authentication{Timestamp: test.timestamp}).CheckTime(now); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestABodyMustMatchItsHash(t *testing.T) {
	const hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	for _, text := range []string{hash, strings.ToUpper(hash)} {
		if err := CheckBody([]byte("{}"), text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"", "zz", hash[:62], "00" + hash[2:]} {
		if err := CheckBody([]byte("{}"), text); !errors.Is(err, ErrBodyHash) {
			t.Errorf("%q: got %v, want ErrBodyHash", text, err)
		}
	}
}

func TestOperationsOfTheTable(t *testing.T) {
	tests := []struct {
		verb, path string
		operation  Operation
		id         string
	}{
		{"POST", "/orders/M1T2/refunds", "order.refund", "M1T2"},
		{"POST", "/api_v1/orders/M1T2/refunds", "order.refund", "M1T2"},
		{"GET", "/refunds/M1T2_R1", "refund.detail", "M1T2_R1"},
		{"POST", "/merchants/M948164/orders", "merchant.addOrder", "M948164"},
		{"GET", "/orders/M1T2", "order.detail", "M1T2"},
		{"GET", "/transactions/M1T2_1/merchant", "transaction.detailForMerchant", "M1T2_1"},
		{"GET", "/merchants/M948164", "merchant.detail", "M948164"},
		{"POST", "/orders/M1T2/direct/payment/mastercard/transactions", "order.startByDirectMastercard", "M1T2"},
		{"POST", "/orders/M1T2/payment/stcpay/transactions", "order.startByStcpay", "M1T2"},
		{"GET", "/orders/M1T2/refunds", "", ""},
		{"PUT", "/orders/M1T2", "", ""},
		{"GET", "/orders/", "", ""},
		{"GET", "/orders", "", ""},
		{"POST", "/orders//refunds", "", ""},
		{"POST", "/orders/refunds", "", ""},
		{"GET", "/orders/a/b", "", ""},
		{"GET", "/api_v1", "", ""},
		{"GET", "/api_v1x/orders/M1T2", "", ""},
		{"GET", "/v1/orders/M1T2", "", ""},
	}
	for _, test := range tests {
		t.Run(test.verb+" "+test.path, func(t *testing.T) {
			operation, id, ok := FindOperation(test.verb, test.path)
			if operation != test.operation || id != test.id || ok != (test.operation != "") {
				t.Errorf("got %q %q %v", operation, id, ok)
			}
			if ok && operation.Path(id) != WithoutPrefix(test.path) {
				t.Errorf("Path gives %q", operation.Path(id))
			}
		})
	}
	if got := WithoutPrefix("/api_v1x/orders"); got != "/api_v1x/orders" {
		t.Errorf("a longer name lost a prefix: %s", got)
	}
	if Operation("order.query").Path("x") != "" || Operation("order.create").Verb() != "" {
		t.Error("an operation that doesn't exist has a path or verb")
	}
}
