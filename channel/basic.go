package channel

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/refund"
)

// Errors of look-ups and bills.
var (
	// ErrUnsupported: the channel or this account has no such call.
	ErrUnsupported = errors.New("the channel account can't do this")
	// ErrNotFound: the channel says that it knows no such payment.
	ErrNotFound = errors.New("the channel knows no such payment")
	// ErrBillNotReady: the channel has not made the bill yet.
	ErrBillNotReady = errors.New("the channel has not made the bill yet")
)

// BasicPace is as slow as the slowest channel. It is also the pace of accounts
// whose connector is not known.
var BasicPace = refund.Pace{SettlingTime: 5 * time.Minute, First: time.Second, Longest: time.Hour}

// Basic answers for what a channel has not got. Connectors embed it and
// override what they can do.
type Basic struct{}

// Reroute implements Connector: it is refused, and nothing was sent.
func (Basic) Reroute(context.Context, Instruction, Destination) refund.Outcome {
	return refund.Outcome{Kind: refund.OutcomeRefused, Code: "CANNOT_REROUTE", Message: "the channel can't send a refund elsewhere"}
}

// Charge implements Connector: ErrUnsupported.
func (Basic) Charge(context.Context, PaymentRef) (Payment, error) { return Payment{}, ErrUnsupported }

// List implements Connector: ErrUnsupported.
func (Basic) List(context.Context, PaymentRef) ([]Listed, error) { return nil, ErrUnsupported }

// Bill implements Connector: ErrUnsupported.
func (Basic) Bill(context.Context, BillDay) (Bill, error) { return nil, ErrUnsupported }

// Check implements Connector: nothing was looked at.
func (Basic) Check(context.Context) []Check { return nil }

// Number implements Connector: the 24 letters and digits of the refund's id,
// and the try's digits where one was taken.
func (Basic) Number(refundID string, try int) string {
	number := strings.TrimPrefix(refundID, "re_")
	if try > 0 {
		number += strconv.Itoa(try)
	}
	return number
}

// Pace implements Connector: BasicPace.
func (Basic) Pace() refund.Pace { return BasicPace }

// Limits implements Connector: the defaults.
func (Basic) Limits() Limits { return Limits{} }

// Capabilities implements Connector: submitting and querying alone.
func (Basic) Capabilities() Capabilities { return Capabilities{} }

// DerivedNumber makes a number of the given alphabet, of two to 256 ASCII
// characters, and length from a refund's id and a try: the same for the same, and
// else another one as surely as the length allows. Twenty digits are enough for
// any account; eight are not, and their clashes take another try.
func DerivedNumber(alphabet string, length int, refundID string, try int) string {
	seed := refundID + "\x00" + strconv.Itoa(try)
	out := make([]byte, 0, length)
	for block := 0; len(out) < length; block++ {
		sum := sha256.Sum256([]byte(seed + "\x00" + strconv.Itoa(block)))
		for at := 0; at < len(sum) && len(out) < length; at += 8 {
			// 64 bits for a character: the remainder is as good as even.
			out = append(out, alphabet[binary.BigEndian.Uint64(sum[at:at+8])%uint64(len(alphabet))])
		}
	}
	return string(out)
}
