package dialect

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// ReadBody reads a request's whole body. More than MaxBody is KindTooLarge; a
// body that broke off or came too slowly is KindInvalid.
func ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, *refund.Error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, refund.Errorf(refund.KindTooLarge, "", "the body is larger than %d bytes", MaxBody)
	case err != nil:
		return nil, refund.Errorf(refund.KindInvalid, "", "the body could not be read to its end")
	}
	return body, nil
}

// Wait is how long a refund request waits for the channel's word: what
// Prefer: wait=N says (RFC 7240, seconds), at most MaxWait, else the
// merchant's default for the dialect. What can't be read is as if not sent,
// as the RFC wants.
func Wait(r *http.Request, m merchant.Merchant, dialect string) time.Duration {
	for _, line := range r.Header.Values("Prefer") {
		for preference := range strings.SplitSeq(line, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, value, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 64)
			if err == nil {
				return time.Duration(min(seconds, uint64(MaxWait/time.Second))) * time.Second
			}
		}
	}
	return min(m.Settings.Wait(dialect), MaxWait)
}

// IdempotencyKey is the request's Idempotency-Key, "" if it has none. More
// than one, none in it, more than MaxIdempotencyKey characters or others than
// visible ASCII are KindInvalid.
func IdempotencyKey(r *http.Request) (string, *refund.Error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(values[0])
	visible := strings.IndexFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
	if len(values) > 1 || key == "" || len(key) > MaxIdempotencyKey || !visible {
		return "", refund.Errorf(refund.KindInvalid, "Idempotency-Key", "Idempotency-Key is one value of 1 to %d visible ASCII characters", MaxIdempotencyKey)
	}
	return key, nil
}

// RemoteAddress is the caller's IP address as the connection shows it.
func RemoteAddress(r *http.Request) string { return addressOf(r.RemoteAddr) }

func addressOf(remote string) string {
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}
	return address.Addr().Unmap().String()
}

type remoteKey struct{}

func withRemote(ctx context.Context, r *http.Request) context.Context {
	return context.WithValue(ctx, remoteKey{}, r.RemoteAddr)
}

// CheckAddress refuses a key that may not be used from the address of the request
// that ctx belongs to: KindForbidden. Without such a request, a key that has a list
// of networks is refused.
func CheckAddress(ctx context.Context, key merchant.Key) error {
	if len(key.Limits.AllowIPs) == 0 {
		return nil
	}
	remote, _ := ctx.Value(remoteKey{}).(string)
	text := addressOf(remote)
	address, err := netip.ParseAddr(text)
	if err == nil && key.Limits.Allows(address) {
		return nil
	}
	return refund.Errorf(refund.KindForbidden, ParamAddress, "the key may not be used from the address %s", cmp.Or(text, "of this request"))
}

// ParamAddress is the Param of the error for a caller's address.
const ParamAddress = "address"

// Asker is who asked for a refund, as it is kept with it.
func Asker(caller merchant.Caller, r *http.Request, requestID string) refund.Asker {
	return refund.Asker{
		Key: caller.Key.ID, Dialect: caller.Key.Dialect, Identity: caller.Key.Identity,
		Address: RemoteAddress(r), RequestID: requestID, Bounds: Bounds(caller.Key),
	}
}

// Bounds are the ceilings that a key has, nil for none.
func Bounds(key merchant.Key) *refund.Bounds {
	if len(key.Limits.Ceilings) == 0 {
		return nil
	}
	return &refund.Bounds{Ceilings: key.Limits.Ceilings, Since: key.Limits.Since}
}

// AmountContent is an amount as the content of a repeat: minor units, "" for
// one that was left out. All dialects write it so, that they can be compared.
func AmountContent(amount *money.Minor) string {
	if amount == nil {
		return ""
	}
	return strconv.FormatInt(int64(*amount), 10)
}

// GoodsContent is the goods that come back as the content of a repeat: each
// with its pieces, in the order of their ids, whatever order they came in. An
// id is quoted, so that no id can look like two.
func GoodsContent(goods []refund.RefundedGoods) string {
	lines := make([]string, len(goods))
	for n, g := range goods {
		lines[n] = strconv.Quote(g.MerchantGoodsID) + "*" + strconv.FormatInt(g.Quantity, 10)
	}
	slices.Sort(lines)
	return strings.Join(lines, " ")
}
