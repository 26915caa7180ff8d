package payin

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/wire/exactjson"
)

// Limits of an order's texts, in characters. The pages give none.
const (
	MaxMerchantOrderID = 64
	MaxOrderName       = 255
	MaxURL             = 1024
	maxProducts        = 200
	// maxDetail bounds each of customer, products and beneficiary in bytes:
	// they are kept with the order, and with each event of it.
	maxDetail = 32 << 10
)

// DefaultExpiry is how long an order can be paid when it names no expiredAt.
const DefaultExpiry = 30 * time.Minute

// OrderRequest is the body of merchant.addOrder (Y3.4-1 to Y3.4-12).
type OrderRequest struct {
	MerchantOrderID string
	// Amount is the text as sent, for ParseAmount.
	Amount          string
	Currency        money.Currency
	Name            string
	NotificationURL string    // "" when absent
	ReferenceURL    string    // "" when absent
	ClientIP        string    // "" when absent
	ExpiredAt       time.Time // zero when absent
	// Customer, Products and Beneficiary are the bytes that came, nil when
	// absent: they are kept and shown, and nothing is decided by them.
	Customer, Products, Beneficiary json.RawMessage
}

// DecodeOrderRequest reads the body of merchant.addOrder. Members that it
// doesn't know are ignored, merchantId among them: the path names the merchant.
// Errors are *FieldError.
func DecodeOrderRequest(body exactjson.Value, options Options) (OrderRequest, error) {
	if body.Kind != exactjson.Object {
		return OrderRequest{}, &FieldError{Text: "the body must be a JSON object"}
	}
	var r OrderRequest
	for _, read := range []func(exactjson.Value, Options) error{r.readRequired, r.readAddresses, r.readExpiry, r.readDetails} {
		if err := read(body, options); err != nil {
			return OrderRequest{}, err
		}
	}
	return r, nil
}

func (r *OrderRequest) readRequired(body exactjson.Value, options Options) (err error) {
	if r.MerchantOrderID, err = requiredText(body, "merchantOrderId", MaxMerchantOrderID); err != nil {
		return err
	}
	if r.Amount, err = amountText(body, options); err != nil {
		return err
	}
	currency, err := requiredText(body, "currency", 3)
	if err != nil {
		return err
	}
	r.Currency = money.Currency(currency)
	if !slices.Contains(Currencies(), r.Currency) {
		return &FieldError{"currency", "must be one of SAR, KWD, BHD, AED, OMR, QAR and EGP"}
	}
	r.Name, err = requiredText(body, "name", MaxOrderName)
	return err
}

func (r *OrderRequest) readAddresses(body exactjson.Value, _ Options) error {
	for _, part := range []struct {
		name string
		text *string
	}{{"notificationURL", &r.NotificationURL}, {"referenceURL", &r.ReferenceURL}} {
		text, _, err := optionalText(body, part.name)
		if err != nil {
			return err
		}
		if text != "" && !isWebURL(text) {
			return &FieldError{part.name, "must be an http or https address of at most " + itoa(MaxURL) + " characters"}
		}
		*part.text = text
	}
	ip, _, err := optionalText(body, "clientIp")
	if err != nil {
		return err
	}
	if ip != "" {
		if address, err := netip.ParseAddr(ip); err != nil || address.Zone() != "" {
			return &FieldError{"clientIp", "must be an IPv4 or IPv6 address"}
		}
	}
	r.ClientIP = ip
	return nil
}

func (r *OrderRequest) readExpiry(body exactjson.Value, _ Options) error {
	text, present, err := optionalText(body, "expiredAt")
	if err != nil || !present {
		return err
	}
	if r.ExpiredAt, err = ParseTime(text); err != nil {
		return &FieldError{"expiredAt", "must be a time such as 2022-10-23T12:00:21.000Z"}
	}
	return nil
}

func (r *OrderRequest) readDetails(body exactjson.Value, _ Options) error {
	for _, part := range []struct {
		name string
		kind exactjson.Kind
		raw  *json.RawMessage
	}{
		{"customer", exactjson.Object, &r.Customer},
		{"products", exactjson.Array, &r.Products},
		{"beneficiary", exactjson.Object, &r.Beneficiary},
	} {
		value, _ := body.Get(part.name)
		switch value.Kind {
		case exactjson.Absent, exactjson.Null:
			continue
		case part.kind:
		default:
			return &FieldError{part.name, "must be " + withArticle(part.kind) + ", not " + withArticle(value.Kind)}
		}
		if len(value.Items) > maxProducts {
			return &FieldError{part.name, "must have at most " + itoa(maxProducts) + " elements"}
		}
		if len(value.Raw) > maxDetail {
			return &FieldError{part.name, "must have at most " + itoa(maxDetail) + " bytes"}
		}
		*part.raw = slices.Clone(value.Raw)
	}
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }
