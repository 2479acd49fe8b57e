// Package hanzi does the arithmetic of personal names written in Chinese: one
// spelling for comparing, one for emitting, toneless pinyin with the readings
// that surnames take, and characters that are easily mistaken for one another.
//
// In flow names as registers hold them, out flow keys and forms. The package is
// pure; its tables are data files that name their source. It works on runes, so
// that characters beyond the Basic Multilingual Plane (𠮷) count as one.
//
// I2 rests on it: the same name always gives the same keys, in the same order.
package hanzi
