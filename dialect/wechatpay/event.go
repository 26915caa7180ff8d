package wechatpay

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

var (
	_ webhook.Renderer  = (*Dialect)(nil)
	_ webhook.Addresser = (*Dialect)(nil)
)

// eventStatuses are the core's events of which the platform tells (W2.4-14),
// and the status that they tell.
var eventStatuses = map[string]string{
	"refund." + string(refund.Succeeded): wire.StatusSuccess,
	"refund." + string(refund.Abnormal):  wire.StatusAbnormal,
	"refund." + string(refund.Failed):    wire.StatusClosed,
	"refund." + string(refund.Canceled):  wire.StatusClosed,
}

// PlainGuarded implements webhook.PlainGuarder (docs/rules/wechatpay.md, W2.1-17).
func (d *Dialect) PlainGuarded() bool { return true }

// Addresses returns the notify_url of a refund that was asked for here. It is
// told in the name of the account that asked.
func (d *Dialect) Addresses(event webhook.Event) []merchant.Endpoint {
	if !ownAddress(event.Refund) {
		return nil
	}
	return []merchant.Endpoint{{
		MerchantID: event.MerchantID, Dialect: merchant.WeChatPay, Identity: event.Refund.By.Identity, URL: event.Refund.Detail.NotifyURL,
	}}
}

func ownAddress(r refund.Refund) bool {
	return r.By.Dialect == merchant.WeChatPay && r.Detail.NotifyURL != ""
}

// Subscribed reports whether an address gets an event: all that end a refund or
// make it abnormal. A notify_url overrides the endpoints that are on record, as
// it overrides the console's setting (W2.1-18). An endpoint may name the events
// by our names or by the platform's.
func (d *Dialect) Subscribed(_ webhook.Known, endpoint merchant.Endpoint, event webhook.Event) bool {
	status, told := eventStatuses[event.Type]
	if !told || !shows(event.Charge) {
		return false
	}
	if endpoint.ID == "" {
		return true
	}
	if ownAddress(event.Refund) {
		return false
	}
	if endpoint.Identity != "" && endpoint.Identity != aliasOf(event.Charge, merchant.Identity{Name: endpoint.Identity}).Identity {
		return false
	}
	name, _ := wire.EventType(status)
	return len(endpoint.Events) == 0 || slices.Contains(endpoint.Events, event.Type) || slices.Contains(endpoint.Events, name)
}

// Know reads the merchant's accounts with their keys.
func (d *Dialect) Know(ctx context.Context, merchantID string) (webhook.Known, error) {
	identities, err := d.Directory.Identities(ctx, merchantID)
	return webhook.Known{Identities: identities}, err
}

// Render seals a refund as it was right after the event. The state is that of
// the event: a refund is told of as it then stood.
func (d *Dialect) Render(known webhook.Known, endpoint merchant.Endpoint, event webhook.Event) (webhook.Message, error) {
	identity, err := identityOf(known, endpoint)
	if err != nil {
		return webhook.Message{}, err
	}
	keyID, err := d.keyID(identity)
	if err != nil {
		return webhook.Message{}, err
	}
	object := refundObject(event.Refund, event.Charge, identity)
	object.Status = eventStatuses[event.Type]
	notice := wire.NewNotice(object)
	if identity.Sub != "" {
		notice.SpMchID, notice.SubMchID = identity.Name, subOf(event.Charge, identity)
	} else {
		notice.MchID = identity.Name
	}
	nonce, err := wire.NewSealNonce(rand.Reader)
	if err != nil {
		return webhook.Message{}, err
	}
	sealed, err := wire.SealNotice(notice, notificationID(event), event.At, identity.Secrets[merchant.APIv3Key], nonce)
	if err != nil {
		return webhook.Message{}, refund.Wrap(err, "seal notification")
	}
	body, err := wire.Marshal(sealed)
	return webhook.Message{KeyID: keyID, Body: body}, err
}

// notificationID is the same for every address of an event.
func notificationID(event webhook.Event) string {
	sum := sha256.Sum256([]byte(event.ID))
	return wire.NotificationID(event.At, binary.BigEndian.Uint32(sum[:4]))
}

// identityOf is the account in whose name an endpoint is notified: the one that it
// names, else the merchant's first in this dialect, direct merchants before
// service providers.
func identityOf(known webhook.Known, endpoint merchant.Endpoint) (merchant.Identity, error) {
	var found []merchant.Identity
	for _, identity := range known.Identities {
		if identity.Dialect == merchant.WeChatPay && (endpoint.Identity == "" || endpoint.Identity == identity.Name) {
			found = append(found, identity)
		}
	}
	if len(found) == 0 {
		return merchant.Identity{}, refund.Errorf(refund.KindInternal, "", "the merchant has no account %q in this dialect", endpoint.Identity)
	}
	slices.SortStableFunc(found, func(a, b merchant.Identity) int {
		return cmp.Or(cmp.Compare(min(1, len(a.Sub)), min(1, len(b.Sub))), cmp.Compare(a.Name, b.Name))
	})
	return found[0], nil
}

// keySeparator stands between an account and its signer in a delivery's key
// id; neither holds it.
const keySeparator = "/"

// keyID names the account and its key: a receiver holds both kinds while it is
// moved from one to the other, and chooses by Wechatpay-Serial (W1.4-9).
func (d *Dialect) keyID(identity merchant.Identity) (string, error) {
	account, err := d.account(merchant.Merchant{ID: identity.MerchantID}, identity)
	if err != nil {
		return "", err
	}
	return identity.Name + keySeparator + account.standard.Serial, nil
}

// Sign signs one try, with its own nonce and time: a receiver refuses what is
// older than five minutes, and the last try comes a day later. When the key of
// the first try is no longer there, the one in use signs.
func (d *Dialect) Sign(ctx context.Context, keyID string, body []byte, header http.Header) error {
	name, serial, _ := strings.Cut(keyID, keySeparator)
	m, identity, err := d.Directory.Identity(ctx, merchant.WeChatPay, name)
	if err != nil {
		return err
	}
	account, err := d.account(m, identity)
	if err != nil {
		return err
	}
	signer, ok := account.signer(serial)
	if !ok {
		signer = account.standard
	}
	nonce, err := wire.NewNonce(rand.Reader)
	if err != nil {
		return err
	}
	signature, err := signer.SignAnswer(body, nonce, d.Now())
	if err != nil {
		return err
	}
	header.Set("Content-Type", "application/json")
	signature.Set(header)
	return nil
}

// Succeeded: 200 or 204, the body is not looked at.
func (d *Dialect) Succeeded(_ merchant.Delivery, status int, _ []byte) bool {
	return wire.Taken(status)
}

// Schedule is the contract's fifteen pauses, a day in all.
func (d *Dialect) Schedule() []time.Duration {
	delays := wire.NotificationRetryDelays()
	return delays[:]
}
