"""The restaurants of the sandbox: four kitchens in New York, each with a reason to be there.

- Bella Napoli has a minimum order; one plain Margherita is $4.50 short of it, the price of one garlic
  bread.
- Seoul Kitchen delivers only, and its bibimbap asks a question inside a question.
- Green Bowl has no minimum order and is for collecting only.
- Night Owl is closed, at every hour.

Docs: Store and catalog. Modifiers are items, and may have modifier groups of their own. All ids are
fixed, so that documentation and tests can name them.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

JsonObject = Mapping[str, Any]

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALWAYS = [{"dayOfWeek": day, "start": "00:00:00", "end": "00:00:00"} for day in DAYS]


def _item(
    item_id: str, name: str, price: str, *groups: str, description: str = "", **members: Any
) -> JsonObject:
    """An item; optional members that say nothing are left out, as the API does."""
    item: dict[str, Any] = {"itemId": item_id, "name": name, "price": Decimal(price), **members}
    if description:
        item["description"] = description
    if groups:
        item["modifierGroupIds"] = list(groups)
    return item


def _group(group_id: str, name: str, selections: tuple[int, int], *item_ids: str) -> JsonObject:
    """A modifier group; `selections` are the fewest and the most."""
    fewest, most = selections
    return {
        "modifierGroupId": group_id,
        "name": name,
        "minSelections": fewest,
        "maxSelections": most,
        "itemIds": list(item_ids),
    }


def _section(
    section_id: str, name: str, *item_ids: str, inside: tuple[str, ...] = ()
) -> JsonObject:
    """A section of items; `inside` are the sections nested in it."""
    section: dict[str, Any] = {"sectionId": section_id, "name": name, "itemIds": list(item_ids)}
    if inside:
        section["sectionIds"] = list(inside)
    return section


def _catalog_set(
    catalog_set_id: str,
    *,
    top: tuple[str, ...],
    sections: tuple[JsonObject, ...],
    items: tuple[JsonObject, ...],
    groups: tuple[JsonObject, ...],
) -> JsonObject:
    """One catalog, `Menu`, whose sections are `top`; everything keyed by its id."""
    catalog = {"catalogId": "catalog_menu", "name": "Menu", "sectionIds": list(top)}
    return {
        "catalogSetId": catalog_set_id,
        "catalogs": {"catalog_menu": catalog},
        "sections": {section["sectionId"]: section for section in sections},
        "items": {item["itemId"]: item for item in items},
        "modifierGroups": {group["modifierGroupId"]: group for group in groups},
    }


def _address(address1: str, postal_code: str, latitude: str, longitude: str) -> JsonObject:
    return {
        "address1": address1,
        "city": "New York",
        "state": "NY",
        "postalCode": postal_code,
        "latitude": Decimal(latitude),
        "longitude": Decimal(longitude),
    }


BELLA_NAPOLI: JsonObject = {
    "storeId": "store_bella_napoli",
    "name": "Bella Napoli",
    "catalogSetId": "catalog_set_bella_napoli",
    "minimumOrderAmount": Decimal("15.00"),
    "currency": "USD",
    "timezone": "America/New_York",
    "availability": ALWAYS,
    "categories": ["Pizza", "Italian"],
    "address": _address("190 Mulberry Street", "10012", "40.7213", "-73.9964"),
    "deliveryAllowed": True,
    "pickupAllowed": True,
}

_PIZZA = ("group_pizza_size", "group_toppings", "group_combo")

BELLA_NAPOLI_MENU = _catalog_set(
    "catalog_set_bella_napoli",
    top=("section_pizza", "section_sides", "section_dolci", "section_drinks"),
    sections=(
        _section("section_pizza", "Pizza", "item_margherita", "item_diavola", "item_marinara"),
        _section("section_sides", "Sides", "item_garlic_bread", "item_truffle_burrata"),
        _section("section_dolci", "Dolci", "item_tiramisu"),
        _section("section_drinks", "Drinks", "item_san_pellegrino"),
    ),
    items=(
        _item(
            "item_margherita",
            "Margherita",
            "10.50",
            *_PIZZA,
            description="San Marzano tomato, fior di latte, basil.",
        ),
        _item(
            "item_diavola",
            "Diavola",
            "13.00",
            *_PIZZA,
            description="Spicy salami, tomato, fior di latte.",
        ),
        _item("item_marinara", "Marinara", "9.00", *_PIZZA, description="Tomato, garlic, oregano."),
        _item("item_garlic_bread", "Garlic bread", "4.50"),
        _item(
            "item_truffle_burrata",
            "Truffle burrata",
            "12.00",
            description="When there are truffles.",
            available=False,
        ),
        _item("item_tiramisu", "Tiramisù", "6.00"),
        _item("item_san_pellegrino", "San Pellegrino", "2.25"),
        _item("item_size_regular", "Regular, 10 inch", "0.00"),
        _item("item_size_large", "Large, 14 inch", "4.00"),
        _item("item_topping_mushrooms", "Mushrooms", "1.50"),
        _item("item_topping_olives", "Olives", "1.25"),
        _item("item_topping_prosciutto", "Prosciutto", "3.00"),
        _item("item_topping_mozzarella", "Extra mozzarella", "2.00"),
        _item("item_combo", "Make it a combo", "3.50", "group_combo_drink"),
        _item("item_combo_cola", "Cola", "0.00"),
        _item("item_combo_lemonade", "Lemonade", "0.50"),
    ),
    groups=(
        _group("group_pizza_size", "Size", (1, 1), "item_size_regular", "item_size_large"),
        _group(
            "group_toppings",
            "Toppings",
            (0, 5),
            "item_topping_mushrooms",
            "item_topping_olives",
            "item_topping_prosciutto",
            "item_topping_mozzarella",
        ),
        _group("group_combo", "Combo", (0, 1), "item_combo"),
        _group("group_combo_drink", "Drink", (1, 1), "item_combo_cola", "item_combo_lemonade"),
    ),
)

SEOUL_KITCHEN: JsonObject = {
    "storeId": "store_seoul_kitchen",
    "name": "Seoul Kitchen",
    "catalogSetId": "catalog_set_seoul_kitchen",
    "minimumOrderAmount": Decimal("20.00"),
    "timezone": "America/New_York",
    "availability": ALWAYS,
    "categories": ["Korean"],
    "address": _address("32 West 32nd Street", "10001", "40.7475", "-73.9870"),
    "deliveryAllowed": True,
    "pickupAllowed": False,
}

SEOUL_KITCHEN_MENU = _catalog_set(
    "catalog_set_seoul_kitchen",
    top=("section_mains", "section_banchan", "section_tea"),
    sections=(
        _section("section_mains", "Mains", inside=("section_rice", "section_noodles")),
        _section("section_rice", "Rice", "item_bibimbap"),
        _section("section_noodles", "Noodles", "item_japchae", "item_tteokbokki"),
        _section("section_banchan", "Banchan", "item_mandu", "item_kimchi"),
        _section("section_tea", "Tea", "item_barley_tea"),
    ),
    items=(
        _item(
            "item_bibimbap",
            "Bibimbap",
            "13.50",
            "group_protein",
            "group_extras",
            description="Rice, seven vegetables, and a question about the sauce.",
        ),
        _item("item_japchae", "Japchae", "12.75", "group_extras"),
        _item("item_tteokbokki", "Tteokbokki", "9.25", "group_sauce_level"),
        _item("item_mandu", "Mandu", "7.50"),
        _item("item_kimchi", "Kimchi", "3.50"),
        _item("item_barley_tea", "Barley tea", "3.00"),
        _item("item_protein_tofu", "Tofu", "0.00", "group_sauce_level"),
        _item("item_protein_bulgogi", "Bulgogi", "3.00", "group_sauce_level"),
        _item("item_sauce_mild", "Mild", "0.00"),
        _item("item_sauce_hot", "Hot", "0.00"),
        _item("item_sauce_seoul_hot", "Seoul hot", "0.50"),
        _item("item_extra_egg", "Fried egg", "1.50"),
        _item("item_extra_kimchi", "Extra kimchi", "2.00"),
    ),
    groups=(
        _group("group_protein", "Protein", (1, 1), "item_protein_tofu", "item_protein_bulgogi"),
        _group(
            "group_sauce_level",
            "Sauce",
            (1, 1),
            "item_sauce_mild",
            "item_sauce_hot",
            "item_sauce_seoul_hot",
        ),
        _group("group_extras", "Extras", (0, 3), "item_extra_egg", "item_extra_kimchi"),
    ),
)

GREEN_BOWL: JsonObject = {
    "storeId": "store_green_bowl",
    "name": "Green Bowl",
    "catalogSetId": "catalog_set_green_bowl",
    "timezone": "America/New_York",
    "availability": ALWAYS,
    "categories": ["Salads", "Vegetarian"],
    "address": _address("11 Madison Avenue", "10010", "40.7414", "-73.9874"),
    "deliveryAllowed": False,
    "pickupAllowed": True,
}

GREEN_BOWL_MENU = _catalog_set(
    "catalog_set_green_bowl",
    top=("section_bowls", "section_more"),
    sections=(
        _section("section_bowls", "Bowls", "item_your_bowl", "item_harvest_bowl"),
        _section("section_more", "More", "item_lentil_soup", "item_mint_lemonade"),
    ),
    items=(
        _item("item_your_bowl", "Your own bowl", "9.75", "group_greens", "group_dressing"),
        _item("item_harvest_bowl", "Harvest bowl", "12.25", "group_dressing"),
        _item("item_lentil_soup", "Lentil soup", "6.50"),
        _item("item_mint_lemonade", "Mint lemonade", "3.75"),
        _item("item_greens_kale", "Kale", "0.00"),
        _item("item_greens_rocket", "Rocket", "0.00"),
        _item("item_dressing_tahini", "Tahini", "0.00"),
        _item("item_dressing_miso", "Miso", "0.75"),
    ),
    groups=(
        _group("group_greens", "Greens", (1, 2), "item_greens_kale", "item_greens_rocket"),
        _group("group_dressing", "Dressing", (0, 1), "item_dressing_tahini", "item_dressing_miso"),
    ),
)

NIGHT_OWL: JsonObject = {
    "storeId": "store_night_owl",
    "name": "Night Owl",
    "catalogSetId": "catalog_set_night_owl",
    "minimumOrderAmount": Decimal("10.00"),
    "timezone": "America/New_York",
    "availability": [],
    "categories": ["Diner", "American"],
    "address": _address("85 Avenue A", "10009", "40.7256", "-73.9841"),
    "deliveryAllowed": True,
    "pickupAllowed": True,
}

NIGHT_OWL_MENU = _catalog_set(
    "catalog_set_night_owl",
    top=("section_diner",),
    sections=(
        _section("section_diner", "All night", "item_burger", "item_fries", "item_milkshake"),
    ),
    items=(
        _item("item_burger", "Burger", "11.00", "group_doneness"),
        _item("item_fries", "Fries", "4.25"),
        _item("item_milkshake", "Milkshake", "6.50"),
        _item("item_medium_rare", "Medium rare", "0.00"),
        _item("item_well_done", "Well done", "0.00"),
    ),
    groups=(_group("group_doneness", "Doneness", (1, 1), "item_medium_rare", "item_well_done"),),
)

STORES: tuple[tuple[JsonObject, JsonObject], ...] = (
    (BELLA_NAPOLI, BELLA_NAPOLI_MENU),
    (SEOUL_KITCHEN, SEOUL_KITCHEN_MENU),
    (GREEN_BOWL, GREEN_BOWL_MENU),
    (NIGHT_OWL, NIGHT_OWL_MENU),
)
"""Each store with its catalog set, as the API returns them."""
