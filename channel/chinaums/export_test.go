package chinaums

import "maps"

// Codes are those of the outcome table, and Statuses those of a refund.
func Codes() (codes []string) {
	for code := range maps.Keys(meanings) {
		codes = append(codes, string(code))
	}
	return codes
}

// Statuses are the words of refundStatus that are known.
func Statuses() (words []string) {
	for word := range maps.Keys(states) {
		words = append(words, word)
	}
	return words
}
