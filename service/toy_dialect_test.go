package service

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	"github.com/refundry/refundry/wire/pemkey"
)

// toy is a whole dialect in one file: POST /toy/{charge}/refunds with an X-Toy key
// refunds everything. Outside of this file only the registry knows of it.
type toy struct {
	s    *Service
	keys dialect.Directory
}

var toyRegistered = registered{describe: describeToy, make: func(s *Service) dialect.Dialect { return &toy{s, s.Store} }}

func describeToy() merchant.Dialect {
	return merchant.Dialect{
		Name: "toy",
		Settings: []merchant.Setting{
			{Name: "shop", Fixed: true, Meaning: "the shop's name", Check: merchant.Visible(20)},
			{Name: "key", Fixed: true, Secret: true, Meaning: "the shop's key", Check: merchant.Visible(40)},
			{Name: "mood", Default: "good", Meaning: "how it answers", Check: merchant.OneOf("good", "bad")},
		},
		Make: func(r merchant.Request) ([]merchant.Identity, error) {
			name := r.Settings["shop"]
			if name == "" {
				name = "shop" + merchant.RandomDigits(6)
			}
			return []merchant.Identity{{Name: name}}, nil
		},
		Document: func(identities []merchant.Identity, key string) any {
			return map[string]string{"shop": identities[0].Name, "key": key}
		},
		Charges: &merchant.ChargeNames{Identity: "shop", Charge: "sale", MakeUp: func(i merchant.Identity, c merchant.NewCharge) string {
			return i.Name + "-" + c.Tail
		}},
		Keys:   &merchant.KeyForm{Setting: "key", Text: func(mode merchant.Mode) string { return "toy_" + string(mode) + merchant.RandomLetters(20) }},
		Events: []string{"refund.succeeded"}, Promised: []string{"refund.succeeded"},
		Verification: &merchant.Verification{Purpose: "toy", Scheme: "ed25519", PublicText: func(k merchant.PlatformKey) (string, error) { return k.PublicPEM, nil }},
		Platform: []merchant.PlatformForm{{Kind: "toy", Purpose: "toy", Make: func(_ merchant.PlatformKey, _ string, now time.Time) (merchant.PlatformKey, error) {
			_, private, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				return merchant.PlatformKey{}, err
			}
			text, err := pemkey.MarshalPrivateKey(private)
			return merchant.PlatformKey{PublicPEM: "a public key", PrivatePEM: text, CreatedAt: now}, err
		}}},
	}
}

func (t *toy) Name() string { return "toy" }

type toyCall struct {
	*dialect.Exchange
	caller merchant.Caller
}

type toyRoute struct {
	dialect.Route
	do func(*toyCall) error
}

func (t *toy) Register(mux *http.ServeMux) {
	(&dialect.API[*toyCall, toyRoute]{
		Dialect: t.Name(), Roots: []string{"/toy"}, Routes: []toyRoute{{dialect.Post("/toy/{sale}/refunds"), t.refund}}, RequestPrefix: "toy_",
		Open: func(x *dialect.Exchange) *toyCall { return &toyCall{Exchange: x} },
		Admit: func(c *toyCall, _ toyRoute) (err error) {
			c.caller, err = t.keys.Caller(c.R.Context(), "toy", c.R.Header.Get("X-Toy"))
			return err
		},
		Handle: func(c *toyCall, r toyRoute) error { return r.do(c) },
		Fail:   func(c *toyCall, err error) { http.Error(c.W, string(refund.KindOf(err)), http.StatusTeapot) },
		Now:    t.s.clock.now, Log: t.s.opts.Log,
	}).Register(mux)
}

func (t *toy) refund(c *toyCall) error {
	charge, err := t.s.Store.ChargeByAlias(c.R.Context(), c.caller.Merchant.ID, "toy", c.R.PathValue("sale"))
	if err != nil {
		return err
	}
	result, err := t.s.acceptor.Accept(c.R.Context(), refund.Unit{
		MerchantID: charge.MerchantID, Requests: []refund.Request{{ChargeID: charge.ID}}, By: dialect.Asker(c.caller, c.R, c.RequestID),
		Members: []refund.Content{{refund.ContentCharge: charge.ID, refund.ContentAmount: ""}},
	}, 0)
	if err != nil {
		return err
	}
	_, err = io.WriteString(c.W, result.Refunds[0].ID)
	return err
}

func (t *toy) Know(ctx context.Context, _ string) (webhook.Known, error) {
	key, err := t.keys.PlatformKey(ctx, "toy")
	return webhook.Known{Key: key}, err
}

func (t *toy) Subscribed(_ webhook.Known, _ merchant.Endpoint, e webhook.Event) bool {
	return e.Type == "refund.succeeded"
}

func (t *toy) Render(known webhook.Known, _ merchant.Endpoint, e webhook.Event) (webhook.Message, error) {
	sale, _ := e.Charge.Alias("toy")
	body, err := json.Marshal(map[string]any{"sale": sale.Name, "gave_back": e.Refund.Amount})
	return webhook.Message{KeyID: known.Key.ID, Body: body}, err
}

func (t *toy) Sign(ctx context.Context, keyID string, body []byte, header http.Header) error {
	key, err := t.keys.PlatformKeyByID(ctx, keyID)
	if err != nil {
		return err
	}
	private, err := pemkey.ParseEd25519PrivateKey(key.PrivatePEM)
	header.Set("X-Toy-Signature", base64.StdEncoding.EncodeToString(ed25519.Sign(private, body)))
	return err
}

func (t *toy) Succeeded(_ merchant.Delivery, status int, _ []byte) bool {
	return status == http.StatusOK
}

func (t *toy) Schedule() []time.Duration { return []time.Duration{time.Second} }
