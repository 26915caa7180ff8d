package pingpp

import "time"

// beijing is the time zone of the channels' days; it has no summer time.
var beijing = time.FixedZone("GMT+8", 8*60*60)

// Spans in which a paid charge may be reversed, from the payment on (P3.2-13).
// The isv channels' day and UnionPay's clearing day are days of Beijing; the
// second begins an hour before midnight.
const (
	wechatReverse   = 7 * 24 * time.Hour
	alipayReverse   = 24 * time.Hour
	clearingHour    = 23
	untilNextClears = 24*time.Hour - clearingHour*time.Hour
)

// reversible has a row for each channel that gives money back when a paid
// charge is reversed: the last moment, of the time of payment. The documents
// name a window for WeChat, UnionPay, alipay_scan and isv; the cross-border
// channels follow their families.
var reversible = map[string]func(paid time.Time) time.Time{
	"wx_pub_scan":    after(wechatReverse),
	"cb_wx_pub_scan": after(wechatReverse),
	"alipay_scan":    after(alipayReverse),
	"cb_alipay_scan": after(alipayReverse),
	"upacp_scan":     clearingDayEnd,
	"isv_scan":       dayEnd,
	"isv_wap":        dayEnd,
	"isv_qr":         dayEnd,
}

// ReversibleUntil tells until when a charge of the channel that was paid at a
// time may be reversed; ok is false for channels that reverse no paid charges.
func ReversibleUntil(channel string, paid time.Time) (until time.Time, ok bool) {
	last, ok := reversible[channel]
	if !ok {
		return time.Time{}, false
	}
	return last(paid), true
}

func after(span time.Duration) func(time.Time) time.Time {
	return func(paid time.Time) time.Time { return paid.Add(span) }
}

// Day is the calendar day of a time in Beijing, in 8 digits.
func Day(at time.Time) string { return at.In(beijing).Format("20060102") }

// DayBegin is the midnight before a time, in Beijing.
func DayBegin(at time.Time) time.Time {
	year, month, day := at.In(beijing).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, beijing)
}

// dayEnd is the midnight after a time, in Beijing.
func dayEnd(paid time.Time) time.Time {
	year, month, day := paid.In(beijing).Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, beijing)
}

// clearingDayEnd is the next 23:00 in Beijing.
func clearingDayEnd(paid time.Time) time.Time {
	return dayEnd(paid.Add(untilNextClears)).Add(-untilNextClears)
}
