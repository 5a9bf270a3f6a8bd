// The event by which the stream of a page says that inquiries were asked or have ended.
export const INQUIRIES = "stretto-inquiries";
